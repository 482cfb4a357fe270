"""The listing that a person reads."""

from __future__ import annotations

import pytest

from ocidiet.model import File, HostPath, Identity, ImagePath, Rule
from ocidiet.model.image import Entry, Reason, Tree
from ocidiet.report import listing, size


@pytest.mark.parametrize(
    ("size_bytes", "written"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.0K"),
        (1024, "1.0K"),
        (1741, "1.7K"),
        (10188, "9.9K"),
        (10189, "10K"),
        (1022975, "999K"),
        (1_024_000, "1.0M"),
        (16 << 20, "16M"),
        (1 << 30, "1.0G"),
        (5 << 40, "5.0T"),
        (5000 << 40, "5000T"),
    ],
)
def test_size_is_written_as_people_do(size_bytes: int, written: str) -> None:
    assert size(size_bytes) == written


def entry(name: str, typeflag: str, linkname: str, size_bytes: int | None, rule: str, *needed_by: str) -> Entry:
    source = None if size_bytes is None else File(HostPath("/f"), Identity(1, 2, size_bytes, 3, 4), False)
    return Entry(ImagePath(name), typeflag, 0o644, linkname, source, Reason(rule, needed_by))


def test_listing_has_path_size_and_reason() -> None:
    tree = Tree(
        (
            entry("a\nb", "0", "", 0, Rule.EXTRA, "\033"),
            entry("hello", "0", "", 15_700, Rule.PROGRAM, "hello:/hello"),
            entry("lib64/ld.so", "2", "/usr/lib/ld.so", None, Rule.INTERP, "hello"),
            entry("usr", "5", "", None, "directory"),
            entry("usr/lib/libc.so", "0", "", 1_900_000, Rule.LD_SO_CACHE, "a", "b", "c", "d", "e"),
            entry("usr/lib/libz.so", "0", "", 5, Rule.RUNPATH, "a", "b", "c"),
        ),
        (),
    )
    assert listing(tree, "i\n.tar") == (
        "a\\x0ab                             0  \\x1b\n"
        "hello                            15K  hello:/hello\n"
        "lib64/ld.so -> /usr/lib/ld.so      -  interpreter of hello\n"
        "usr/                               -\n"
        "usr/lib/libc.so                 1.8M  needed by a, b, c and 2 more (cache)\n"
        "usr/lib/libz.so                    5  needed by a, b, c (RUNPATH)\n"
        "i\\x0a.tar: 6 entries, 1.8M\n"
    )


def test_long_path_does_not_widen_the_other_rows() -> None:
    tree = Tree((entry("n" * 70, "0", "", 1, Rule.EXTRA, "e"), entry("o", "0", "", 2, Rule.EXTRA, "e")), ())
    assert listing(tree, "i").splitlines() == [
        "n" * 70 + "      1  e",
        "o" + " " * 59 + "      2  e",
        "i: 2 entries, 3",
    ]


def test_empty_tree_has_a_total_alone() -> None:
    assert listing(Tree((), ()), "i") == "i: 0 entries, 0\n"
