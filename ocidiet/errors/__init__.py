"""Every error that a user can meet, and its wording.

The form is the GNU standard's, `ocidiet: error: PATH: what is wrong`, with the first line complete
alone, the evidence below it in order, and a hint last. Only `cli` prints. Pages `lacks`, of libraries and
their versions, and `places` have what few runs have to tell, and the others do not import.
"""

from __future__ import annotations

from ocidiet.model import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


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

    def library_path_is_set(self) -> None:
        """Told that the process has an LD_LIBRARY_PATH of its own, which nobody reads."""

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
