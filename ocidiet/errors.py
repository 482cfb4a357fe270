"""Every error that a user can meet, and its wording.

The form is the GNU standard's, `ocidiet: error: PATH: what is wrong`, with the first line complete
alone, the evidence below it in order, and a hint last. Only `cli` prints.
"""

from __future__ import annotations

from ocidiet.model import TYPE_CHECKING, Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ocidiet.model import Lack, Lookup


def shown(text: str) -> str:
    """`text` fit for a terminal: control characters and undecodable bytes as escapes."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(char: str) -> str:
    if char.isprintable():
        return char
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))


class OcidietError(Exception):
    """What a user is told; `exit_code` 1, the input is at fault, unless a subclass says else."""

    exit_code = 1

    def __init__(self, message: str, evidence: Iterable[str] = (), hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.evidence = tuple(evidence)
        self.hint = hint

    def __str__(self) -> str:
        lines = [self.message, *("  " + line for line in self.evidence)]
        if self.hint:
            lines.append("  hint: " + self.hint)
        return "\n".join(lines)


class UsageError(OcidietError):
    """The command line is at fault."""

    exit_code = 2


class OutputError(OcidietError):
    """The output could not be written."""

    exit_code = 3


class InputError(OcidietError):
    """A named input cannot be used: absent, unreadable, of the wrong kind."""

    def __init__(self, path: str, what: str, hint: str = "") -> None:
        super().__init__(f"{shown(path)}: {what}", hint=hint)


class BadElf(OcidietError):
    """A file is not an ELF object that the loader would take.

    `field` names the header field at fault and `offset` its place in the file, in bytes; `bits` and
    `machine` are what the fields before it said (0 if none did): a loader looks at them first.
    """

    def __init__(self, what: str, field: str = "", offset: int = 0, bits: int = 0, machine: int = 0) -> None:
        self.bits = bits
        self.machine = machine
        where = f" ({field} at offset {offset:#x})" if field else ""
        super().__init__(what + where)


class InputChanged(OcidietError):
    """A file changed between being read and the image's publication."""

    def __init__(self, path: str, what: str = "changed while the image was made") -> None:
        super().__init__(
            f"{shown(path)}: {what}",
            hint="nothing was published; run again when the build that writes it has ended",
        )


class PlaceConflict(OcidietError):
    """Two different files for one place in the image."""

    def __init__(self, name: str, first: tuple[str, str], second: tuple[str, str]) -> None:
        super().__init__(
            f"/{shown(name)}: two different files for one place in the image",
            (f"{shown(path)}  ({why})" for path, why in (first, second)),
            "give one of them another place with SRC:DEST",
        )


class UnencodableName(OcidietError):
    """A name that a depfile cannot carry to both Make and Ninja."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(
            f"{shown(name)}: a depfile cannot carry this name: {why}",
            hint="rename it, or leave out --depfile and let the build file name the inputs",
        )


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
        """Tell of the process's own LD_LIBRARY_PATH, with which the real loader may find them."""
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
