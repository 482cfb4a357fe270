"""What is a library to glibc's loader: a good one with bytes of its header changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.loader.case import Case
from tests.loader.cases import Told, told_by_the_loader
from tests.loader.test_loader import told_by_ocidiet

BUILD = """\
lib good/libx.so -Wl,-z,noseparate-code
mkdir bad
program good/libx.so "-Wl,-rpath,$PWD/bad:$PWD/good"
"""


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, objects: Path) -> Case:
    """A program that finds its library in `good`, but looks into `bad` first."""
    top = tmp_path_factory.mktemp("judged")
    (top / "case").mkdir()
    (top / "case/build.sh").write_text(BUILD)
    return Case(top / "case", top, objects)


def ours(judged: Case, data: bytes) -> Told:
    """What ocidiet makes of `data` in the bad library's place, where it then is."""
    bad = Path(judged.cwd, "bad/libx.so")
    bad.unlink(missing_ok=True)
    bad.write_bytes(data)
    return told_by_ocidiet(judged)[0]


CLASS, MACHINE, DATA = (4, b"\1"), (18, b"\xb7\0"), (5, b"\2")


@pytest.mark.parametrize(
    "changes",
    [
        *([(4, bytes([value]))] for value in (0, 1, 3)),
        *([(5, bytes([value]))] for value in (0, 2, 3)),
        *([(6, bytes([value]))] for value in (0, 2)),
        *([(7, bytes([value]))] for value in (1, 2, 3, 9)),
        *([(8, bytes([value]))] for value in (1, 2)),
        *([(7, bytes([3, value]))] for value in (1, 3, 4, 255)),
        *([(at, b"\1")] for at in range(9, 16)),
        *([(16, bytes([value]))] for value in (0, 1, 2, 4)),
        *([(18, bytes([value]))] for value in (0, 3)),
        *([(20, bytes([value]))] for value in (0, 2)),
        *([(48, b"\xff" * 4)], [(52, b"\0\0")], [(40, b"\xff" * 8)], [(58, b"\xff" * 6)]),
        *([(54, bytes([value]))] for value in (0, 32, 57)),
        *([(56, value)] for value in (b"\0\0", b"\1\0", b"\xff\xff")),
        *([(32, value.to_bytes(8, "little"))] for value in (0, 1, 2**62, 2**63, 2**64 - 1)),
        *([(64 + 8, bytes([value]))] for value in (1, 16)),
        *([first, then] for first in (CLASS, MACHINE) for then in ((6, b"\2"), (7, b"\x09"), (8, b"\1"), (9, b"\1"))),
        *([first, then] for first in (CLASS, MACHINE) for then in ((16, b"\1"), (20, b"\2"), (54, b"\1"))),
        *([DATA, then] for then in ((6, b"\2"), (7, b"\x09"), (9, b"\1"))),
    ],
    ids=lambda changes: " ".join(f"{at}={text.hex()}" for at, text in changes),
)
def test_loader_and_ocidiet_judge_a_header_alike(judged: Case, changes: list[tuple[int, bytes]]) -> None:
    data = bytearray(Path(judged.cwd, "good/libx.so").read_bytes())
    for at, text in changes:
        data[at : at + len(text)] = text
    assert ours(judged, bytes(data)) == told_by_the_loader(judged)


@pytest.mark.parametrize("size", [0, 1, 3, 4, 51, 52, 63, 64, 65])
def test_loader_and_ocidiet_judge_a_short_file_alike(judged: Case, size: int) -> None:
    # Of the other class: what is too short is refused before that is looked at.
    data = b"\x7fELF\1\1\1"[:size].ljust(size, b"\0")
    assert ours(judged, data) == told_by_the_loader(judged)
