"""What programs lack: libraries, and symbol versions of them; all of it at once."""

from __future__ import annotations

from ocidiet.errors import OcidietError, shown
from ocidiet.model import TYPE_CHECKING, Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ocidiet.model import Lookup
    from ocidiet.model.image import Lack


class MissingLibraries(OcidietError):
    """Names that no search found: all of them at once, each with every place tried, in order."""

    def __init__(
        self, lookups: Sequence[Lookup], names: Sequence[str], where: str, spell: Callable[[str], str]
    ) -> None:
        """`names` are the programs' as the user spelled them; `where` is not empty for the image's
        proof; `spell` says where on the machine a path of the root is."""
        self.lookups = tuple(lookups)
        rules = {probe.rule for lookup in lookups for probe in lookup.probes}
        one, more = ("file", "files") if rules & {Rule.INTERP, Rule.SCRIPT} else ("library", "libraries")
        noun = one if len(lookups) == 1 else more
        hint = f"install the {one}'s package"
        if one == "library":
            hint += ", or name its directory with --library-path or -Wl,-rpath"
        told = [probe for lookup in lookups for probe in lookup.probes if probe.rule in Rule.OF_OBJECTS]
        if where:
            hint = "the image as laid out does not serve its own loader: give the program or library another place"
        elif any(spell(probe.path) != probe.path for probe in told):
            hint = "is one of these directories the build's? then name its tree with --build-tree"
        super().__init__(f"{_some(names)}: {len(lookups)} {noun} not found{where}", _evidence(lookups, spell), hint)
        self._in_image = bool(where)

    def library_path_is_set(self) -> None:
        # With it the real loader may find them.
        if not self._in_image:
            self.hint += "\n  hint: LD_LIBRARY_PATH is set here and is not read: give it with --library-path"


class UndeclaredFiles(MissingLibraries):
    """Names that no declared input serves."""

    def __init__(
        self,
        lookups: Sequence[Lookup],
        names: Sequence[str],
        labels: Mapping[str, str],
        files: int,
        seen: bool,
        spell: Callable[[str], str],
    ) -> None:
        """`labels` are what the build calls its `files`, of which there are so many, by how `spell` spells them;
        the root's files are only `seen`, not declared."""
        super().__init__(lookups, names, " among declared inputs", spell)
        if len(lookups) == 1:
            lookup = lookups[0]
            by, asker = lookup.needed_by, ""
            if by.rule != Rule.PROGRAM:
                path = spell(by.path)
                asker = f" (by {shown(path)}{f' of {shown(labels[path])}' if path in labels else ''})"
            looked = [probe.path for probe in lookup.probes if probe.rule != Rule.LD_SO_CACHE]
            of_root = {path.rpartition("/")[0] for path in looked if spell(path).startswith("/")}
            tried = f"{len(of_root)} director{'y' if len(of_root) == 1 else 'ies'} tried"
            among = f"not among the {files} declared files of the build, not in the root ({tried})"
            self.message = f"{_some(names)}: needs {shown(lookup.name)}{asker}: {among}"
        self.evidence = tuple(_evidence(lookups, spell, spell))
        self.hint = "add its cc_library or cc_import to deps, or its package to the root"
        self.hint += "" if seen else "; nothing outside declared inputs was looked at"


class LackingVersions(OcidietError):
    """Symbol versions that programs need and what they load does not provide: all of them at once."""

    def __init__(self, lacks: Sequence[Lack], names: Sequence[str]) -> None:
        """`names` are the programs' as they are called in the image."""
        self.lacks = tuple(lacks)
        noun = "symbol version" if len(lacks) == 1 else "symbol versions"
        super().__init__(
            f"{_some(names)}: {len(lacks)} {noun} not provided inside the image",
            [f"{shown(lack.needed_by.path)} {lacking(lack)}" for lack in lacks],
            "it was linked against a newer library than the image has: take both from one root",
        )


def lacking(lack: Lack) -> str:
    """What `lack.needed_by` lacks, in words."""
    newest = f"up to {shown(lack.newest)}" if lack.newest else "none of its kind"
    symbol = f" (symbol {shown(lack.symbol)})" if lack.symbol else ""
    return f"needs {shown(lack.version)}, {shown(lack.found.path)} provides {newest}{symbol}"


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(shown, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _evidence(
    lookups: Sequence[Lookup], spell: Callable[[str], str], spell_asker: Callable[[str], str] = str
) -> Iterable[str]:
    width = min(max((len(spell(p.path)) for lookup in lookups for p in lookup.probes), default=0), 60)
    for lookup in lookups:
        by = lookup.needed_by
        yield f"{shown(lookup.name)}, needed by {shown(by.name if by.rule == Rule.PROGRAM else spell_asker(by.path))}"
        for probe in lookup.probes:
            yield f"  {probe.rule:<11} {shown(spell(probe.path)):<{width}}  {probe.outcome}"
