"""ELF headers that do not start as nearly all do: what is wrong with them, if anything is. Law: as `elf`'s."""

from __future__ import annotations

from ocidiet.elf import ELFOSABI_GNU, ELFOSABI_SYSV, FORMS, NOT_ELF
from ocidiet.errors import BadElf
from ocidiet.model import TYPE_CHECKING

if TYPE_CHECKING:
    import struct
    from collections.abc import Callable

EM_MIPS = 8
# The first EI_ABIVERSION of OS ABI GNU that glibc's loader refuses (2.36; MIPS has numbers of its own).
LIBC_ABI_MAX = 4


def form(head: bytes) -> tuple[int, str, struct.Struct, struct.Struct]:
    """As `elf.FORMS`, of an unusual e_ident. Raises `BadElf`."""
    if head[:4] != b"\x7fELF":
        raise BadElf(NOT_ELF if head else "empty file")
    # 52 bytes in a file of 32 bits; but one that ends before 64 has nothing to load.
    if len(head) < 64:
        raise BadElf("truncated ELF header", "e_ident", 0)
    ei_class, ei_data = head[4:6]
    if ei_class not in (1, 2):
        raise BadElf(f"unknown ELF class {ei_class}", "EI_CLASS", 4, bits=-1)
    if ei_data not in (1, 2):
        raise BadElf(f"unknown byte order {ei_data}", "EI_DATA", 5, 32 * ei_class)
    return FORMS[ei_class, ei_data]


def odd(head: bytes, e_version: int, machine: int, bad: Callable[[str, str, int], BadElf]) -> BadElf | None:
    """As `Headers.odd`. Raises `BadElf` for what the kernel refuses too."""
    ei_class, ei_data, ei_version, ei_osabi, ei_abiversion = head[4:9]
    bits = 32 * ei_class
    if e_version == 1 << 24:
        raise BadElf(f"byte order {ei_data}, but the header has the other", "EI_DATA", 5, bits)
    if ei_version != 1:
        raise bad(f"unknown ELF version {ei_version}", "EI_VERSION", 6)
    if ei_osabi not in (ELFOSABI_SYSV, ELFOSABI_GNU):
        raise bad(f"for another operating system: OS ABI {ei_osabi}", "EI_OSABI", 7)
    if e_version != 1:
        return BadElf(f"unknown ELF version {e_version}", "e_version", 20, bits)
    if ei_abiversion and machine != EM_MIPS and not (ei_osabi == ELFOSABI_GNU and ei_abiversion < LIBC_ABI_MAX):
        return bad(f"unknown ABI version {ei_abiversion} of OS ABI {ei_osabi}", "EI_ABIVERSION", 8)
    return bad("padding that is not zero", "EI_PAD", 9) if any(head[9:16]) else None
