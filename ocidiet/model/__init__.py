"""Every value that crosses a room: what the other rooms take and give.

Page one for a newcomer, in the order of a run: `asked`, `disk`, `loading`, `image`. Values never
change once made; names are the field's own (gABI, tar, OCI, Make); units stand in the name. Strings
that came from the file system or from an ELF file are decoded with `os.fsdecode`, so that any byte
survives.
"""

from ocidiet.model.asked import LAYOUTS, MERGED, Places, Request, Search, Source
from ocidiet.model.base import TYPE_CHECKING, DepName, HostPath, ImagePath, NamedTuple, below
from ocidiet.model.disk import Container, File, Hop, Identity, Trace, Walk
from ocidiet.model.image import Defect, Entry, Extra, Placed, Reason, Tree, Verdict
from ocidiet.model.loading import (
    Closure,
    Config,
    Dlopen,
    Edge,
    ElfFacts,
    Filter,
    Lack,
    Lookup,
    Notice,
    Object,
    Priority,
    Probe,
    Program,
    ReachedBy,
    Rule,
    Versions,
)

__all__ = [
    "LAYOUTS",
    "MERGED",
    "TYPE_CHECKING",
    "Closure",
    "Config",
    "Container",
    "Defect",
    "DepName",
    "Dlopen",
    "Edge",
    "ElfFacts",
    "Entry",
    "Extra",
    "File",
    "Filter",
    "Hop",
    "HostPath",
    "Identity",
    "ImagePath",
    "Lack",
    "Lookup",
    "NamedTuple",
    "Notice",
    "Object",
    "Placed",
    "Places",
    "Priority",
    "Probe",
    "Program",
    "ReachedBy",
    "Reason",
    "Request",
    "Rule",
    "Search",
    "Source",
    "Trace",
    "Tree",
    "Verdict",
    "Versions",
    "Walk",
    "below",
]
