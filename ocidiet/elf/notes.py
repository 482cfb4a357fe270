"""dlopen notes: what an ELF file says that it will open by itself.

Law: UAPI Group Specifications, "ELF dlopen metadata".
"""

from __future__ import annotations

import json

from ocidiet.errors import BadElf
from ocidiet.model import Priority
from ocidiet.model.unusual import Dlopen
from ocidiet.system import os


def dlopen_note(text: bytes) -> tuple[Dlopen, ...]:
    """What one dlopen note says (UAPI, "ELF dlopen metadata"): an array of objects, or in the first
    draft one object whose soname may be a string. Raises `BadElf` for anything else."""
    try:
        parsed = json.loads(text)
        rows = [parsed] if isinstance(parsed, dict) else parsed
        notes = []
        for row in rows:
            sonames = row["soname"]
            sonames = (sonames,) if isinstance(sonames, str) else tuple(sonames)
            priority = row.get("priority", Priority.RECOMMENDED)
            # JSON can spell what no file is named; what fsencode raises is a ValueError.
            if priority not in Priority.ALL or any(b"\0" in os.fsencode(name) for name in sonames):
                raise ValueError
            notes.append(Dlopen(sonames, priority, str(row.get("feature", ""))))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BadElf("malformed dlopen note", "PT_NOTE") from error
    return tuple(notes)
