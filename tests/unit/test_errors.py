"""The wording of errors: fit for a terminal, complete in one line, the evidence in order below it."""

from __future__ import annotations

import pytest

from ocidiet import errors
from ocidiet.errors import BadElf, InputChanged, InputError, OcidietError, shown
from ocidiet.errors.lacks import MissingLibraries
from ocidiet.errors.places import PlaceConflict
from ocidiet.model import ElfFacts, Hop, Lookup, Object, Probe, Rule, Walk

CHANGED = "nothing was published; run again when the build that writes it has ended"
BOTH = "  /a/x  (program a)\n  /b\\x1b/x  (extra b)\n  hint: give one of them another place with SRC:DEST"
FACTS = ElfFacts(64, True, 62, True, None, (), None, None, None, 0)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("plain \u00e9 \u6f22", "plain \u00e9 \u6f22"),
        ("", ""),
        ("a\nb\tc", "a\\x0ab\\x09c"),
        ("\033[31m", "\\x1b[31m"),
        ("\x7f\0", "\\x7f\\x00"),
        ("caf\udce9", "caf\\xe9"),
        ("\udcc3\udca9x", "\\xc3\\xa9x"),
        ("\u202e", "\\xe2\\x80\\xae"),
        ("\x9b2J", "\\xc2\\x9b2J"),
    ],
    ids=ascii,
)
def test_text_is_fit_for_a_terminal(text: str, escaped: str) -> None:
    assert shown(text) == escaped


@pytest.mark.parametrize(
    ("error", "text", "exit_code"),
    [
        (OcidietError("a"), "a", 1),
        (OcidietError("a", ["b", "c"], "d"), "a\n  b\n  c\n  hint: d", 1),
        (errors.UsageError("a", hint="b"), "a\n  hint: b", 2),
        (errors.OutputError("a"), "a", 3),
        (InputError("/a\n", "is a directory", "b"), "/a\\x0a: is a directory\n  hint: b", 1),
        (BadElf("truncated"), "truncated", 1),
        (BadElf("too many", "e_phnum", 56), "too many (e_phnum at offset 0x38)", 1),
        (
            InputChanged("/a"),
            f"/a: changed while the image was made\n  hint: {CHANGED}",
            1,
        ),
        (
            PlaceConflict("usr/x\n", ("/a/x", "program a"), ("/b\033/x", "extra b")),
            f"/usr/x\\x0a: two different files for one place in the image\n{BOTH}",
            1,
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_error_is_told_whole(error: OcidietError, text: str, exit_code: int) -> None:
    assert (str(error), error.exit_code) == (text, exit_code)


def found(path: str, rule: str) -> Object:
    return Object(path, Walk(f"/real{path}", (Hop(path, None),), "file", "", None), FACTS, rule)


def missing(name: str, by: Object, *probes: tuple[str, str, str]) -> Lookup:
    return Lookup(name, by, tuple(Probe(*probe) for probe in probes), None)


def same(path: str) -> str:
    return path


def below_sysroot(path: str) -> str:
    return "/sysroot" + path


LIBZ = missing(
    "libz.so.1",
    found("hello", Rule.PROGRAM),
    ("/app/lib/libz.so.1", Rule.RUNPATH, "no such file"),
    ("/etc/ld.so.cache", Rule.LD_SO_CACHE, "no entry"),
    ("/lib/libz.so.1", Rule.DEFAULT, "for another machine (32 bit, e_machine 3)"),
)


def test_missing_library_is_told_with_every_place_in_order() -> None:
    assert str(MissingLibraries([LIBZ], ["hello"], "", same)) == (
        "hello: 1 library not found\n"
        "  libz.so.1, needed by hello\n"
        "    RUNPATH     /app/lib/libz.so.1  no such file\n"
        "    cache       /etc/ld.so.cache    no entry\n"
        "    default     /lib/libz.so.1      for another machine (32 bit, e_machine 3)\n"
        "  hint: install the library's package, or name its directory with --library-path or -Wl,-rpath"
    )


def test_missing_libraries_are_told_all_at_once() -> None:
    nowhere = missing("a\nb", found("/lib/\033", Rule.DEFAULT))
    assert str(MissingLibraries([LIBZ, nowhere], ["a", "b", "c", "d", "e"], "", same)) == (
        "a, b, c and 2 more: 2 libraries not found\n"
        "  libz.so.1, needed by hello\n"
        "    RUNPATH     /app/lib/libz.so.1  no such file\n"
        "    cache       /etc/ld.so.cache    no entry\n"
        "    default     /lib/libz.so.1      for another machine (32 bit, e_machine 3)\n"
        "  a\\x0ab, needed by /real/lib/\\x1b\n"
        "  hint: install the library's package, or name its directory with --library-path or -Wl,-rpath"
    )


def test_missing_library_of_a_sysroot_is_told_by_the_machine_s_paths() -> None:
    lookup = missing("libx", found("hello", Rule.PROGRAM), ("/b/libx", Rule.RPATH, "no such file"))
    assert str(MissingLibraries([lookup], ["hello"], "", below_sysroot)) == (
        "hello: 1 library not found\n"
        "  libx, needed by hello\n"
        "    RPATH       /sysroot/b/libx  no such file\n"
        "  hint: is one of these directories the build's? then name its tree with --build-tree"
    )


def test_missing_library_of_the_proof_is_the_layout_s_fault() -> None:
    error = MissingLibraries([LIBZ], ["hello"], " inside the image", same)
    assert (error.message, error.hint) == (
        "hello: 1 library not found inside the image",
        "the image as laid out does not serve its own loader: give the program or library another place",
    )
