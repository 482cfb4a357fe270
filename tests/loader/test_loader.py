"""The real loader as the oracle: small programs, each built by a case directory whose name is the law.

A case's `build.sh` runs in an empty directory and leaves `program` there; its first line tells the law.
It may use three words: `lib PATH [FLAG...]` and `program [FLAG...]` build from one source, and
`patch FILE OFFSET BYTES` overwrites bytes, written as for printf.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from ocidiet.closure import Facts, Resolver
from ocidiet.errors import MissingLibraries, OcidietError
from ocidiet.fs import DiskRoot, Record
from ocidiet.model import HostPath, Search
from tests.support import clean_env, done, need, run
from tests.unit.elfmaker import INTERP

CASES = sorted(path.parent for path in Path(__file__).parent.glob("*/build.sh"))
WORDS = """\
set -eu
lib() {
    mkdir -p "$(dirname "$1")"
    path=$1
    shift
    cc -shared -o "$path" -x c /dev/null -x none "-Wl,-soname,$(basename "$path")" -Wl,--no-as-needed -nostdlib "$@"
}
program() {
    cc -o program "$SOURCE" -Wl,--no-as-needed,--allow-shlib-undefined,--unresolved-symbols=ignore-all "$@"
}
patch() { printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }
"""


def told_by_the_loader(cwd: Path) -> list[str] | str:
    """The opened paths in the loader's order, or the names that it did not find, or that it refused."""
    ended = run([cwd / "program"], cwd, clean_env(LD_TRACE_LOADED_OBJECTS="1"))
    lines = [re.sub(r" \(0x[0-9a-f]+\)$", "", line.strip()) for line in ended.stdout.splitlines()]
    missing = [line.removesuffix(" => not found") for line in lines if line.endswith(" => not found")]
    if missing:
        return f"not found: {sorted(set(missing))}"
    if ended.returncode:
        return "refused"
    opened = [line.partition(" => ")[2] or line for line in lines]
    return [os.path.normpath(cwd / path) for path in opened if path not in (INTERP, "linux-vdso.so.1", "")]


def told_by_ocidiet(cwd: Path) -> list[str] | str:
    """The same; a file that was opened under two names stands once, as it is mapped once."""
    root = DiskRoot("", Record())
    program = str(cwd / "program")
    try:
        found = Resolver(root, Facts(), Search(HostPath(str(cwd)))).resolve([(program, root.walk(program))]).programs[0]
    except MissingLibraries as error:
        if any("stops here" in probe.outcome for lookup in error.lookups for probe in lookup.probes):
            return "refused"
        return f"not found: {sorted({lookup.name for lookup in error.lookups})}"
    except OcidietError:
        return "refused"
    mapped: dict[tuple[int, ...], str] = {}
    for loaded in found.objects:
        mapped.setdefault(loaded.file.identity[:2], os.path.normpath(loaded.path))
    return list(mapped.values())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_loader_and_ocidiet_open_the_same(case: Path, tmp_path: Path) -> None:
    need("cc")
    (tmp_path / "src").mkdir()
    (tmp_path / "src/main.c").write_text("int main(void) { return 0; }\n")
    cwd = tmp_path / "cwd"
    cwd.mkdir()
    script = WORDS + (case / "build.sh").read_text()
    done(["sh", "-c", script], cwd, clean_env(SOURCE=str(tmp_path / "src/main.c")))
    assert told_by_ocidiet(cwd) == told_by_the_loader(cwd)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a program that finds its library in `good`, but looks into `bad` first."""
    need("cc")
    cwd = tmp_path_factory.mktemp("judged")
    (cwd / "main.c").write_text("int main(void) { return 0; }\n")
    built = 'lib good/libx.so -Wl,-z,noseparate-code; mkdir bad; program good/libx.so "-Wl,-rpath,$PWD/bad:$PWD/good"'
    done(["sh", "-c", WORDS + built], cwd, clean_env(SOURCE="main.c"))
    return cwd


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
def test_loader_and_ocidiet_judge_a_header_alike(judged: Path, changes: list[tuple[int, bytes]]) -> None:
    data = bytearray((judged / "good/libx.so").read_bytes())
    for at, text in changes:
        data[at : at + len(text)] = text
    bad = judged / "bad/libx.so"
    bad.unlink(missing_ok=True)
    bad.write_bytes(data)
    assert told_by_ocidiet(judged) == told_by_the_loader(judged)


@pytest.mark.parametrize("size", [0, 1, 3, 4, 51, 52, 63, 64, 65])
def test_loader_and_ocidiet_judge_a_short_file_alike(judged: Path, size: int) -> None:
    bad = judged / "bad/libx.so"
    bad.unlink(missing_ok=True)
    # Of the other class: what is too short is refused before that is looked at.
    bad.write_bytes(b"\x7fELF\1\1\1"[:size].ljust(size, b"\0"))
    assert told_by_ocidiet(judged) == told_by_the_loader(judged)


def test_loader_cases_begin_with_their_law() -> None:
    first_lines = [(case / "build.sh").read_text().partition("\n")[0] for case in CASES]
    assert [line for line in first_lines if not re.fullmatch(r"# .*[.]", line)] == []
    assert len(CASES) > 20
