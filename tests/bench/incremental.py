"""What an incremental build pays: nothing to do, a directory's time, one library changed.

Beside each stands what no build could do without: Make without the depfile, `ocidiet list`, `cat`. As
in `bench.py`, commands run in turn, in an order that changes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.bench import ENV, HIGH_LOAD, PACKAGE, PYTHON, WARM_UPS, order, which

PROGRAM = "ffmpeg"
MANY = "thousands"
MANY_ARE_IN = sorted(map(str, Path("/usr/lib").glob("python3*")))


class Row(NamedTuple):
    """What is measured, and what is done before it outside the measure."""

    name: str
    run: Callable[[], object]
    before: Callable[[], object] = lambda: None


class Law(NamedTuple):
    """`ours` takes no longer than `times` the sum of the peers, and `plus_ms`."""

    ours: str
    peers: tuple[str, ...]
    times: float
    plus_ms: float = 0


LAWS = [
    Law("make image", ("make -q, no depfile", "its stats"), 1.5),
    Law("directory touched", ("list",), 1.0, 10),
    Law("library changed", ("cat",), 1.3),
    Law("library changed, bare", ("cat",), 1.3),
    Law(f"make -q, {MANY}", (f"make -q, {MANY}, gcc style",), 1 / 25),
]


def spawn(argv: Sequence[str], cwd: Path, stdout: str = os.devnull, status: int = 0) -> None:
    """Run to the end, which must be with `status`."""
    with open(stdout, "wb") as out:
        ended = subprocess.run(argv, cwd=cwd, env=ENV, stdout=out, check=False)
    if ended.returncode != status:
        sys.exit(f"exit status {ended.returncode}: {' '.join(argv[:8])}")


class Work:
    """A directory with a compiled copy of the tool, a root with a program's closure, and its image."""

    def __init__(self, home: Path, program: str) -> None:
        self.home = home
        for name in ("ocidiet", "make"):
            shutil.copytree(PACKAGE.parent / name, home / "tool" / name, ignore=shutil.ignore_patterns("__pycache__"))
        self.tool = [PYTHON, "-IS", str(home / "tool/ocidiet/__main__.py")]
        spawn([PYTHON, "-IS", "-m", "compileall", "-q", str(home / "tool/ocidiet")], home)
        spawn([*self.tool, "list", program], home, str(home / "listed"))
        (home / "names").write_text((home / "listed").read_text().replace("\n/", "\n")[1:])
        tar = which("tar") or "tar"
        spawn([tar, "-C", "/", "-cf", str(home / "root.tar"), "-T", str(home / "names")], home)
        self.still, self.stirred, self.changing = (home / f"root-{n}" for n in range(3))
        for root in (self.still, self.stirred, self.changing):
            root.mkdir()
            spawn([tar, "-C", str(root), "-xf", str(home / "root.tar")], home)
        (home / "root.tar").unlink()
        self.program = "=" + program
        self.files = [p for p in sorted(self.changing.rglob("*")) if p.is_file() and not p.is_symlink()]
        self.library = max(self.files, key=lambda path: ("libavfilter" in path.name, path.stat().st_size))
        directory = self.stirred / self.library.relative_to(self.changing).parent
        self.stir = lambda: os.utime(directory)
        self.turn = 0
        text = (
            f"IMAGE_BINARIES = {self.program}\nIMAGES = x\nIMAGE_ROOT = {self.still}\ninclude ../tool/make/ocidiet.mk\n"
        )
        for name in ("whole", "bare"):
            (home / name).mkdir()
            (home / name / "Makefile").write_text(text)
            spawn(["make", "image"], home / name)
        named = (home / "bare/x.tar.d").read_text().replace("\\\n", " ").partition("\n\n")[0]
        self.prerequisites = [word for word in named.split()[1:] if not word.startswith("$")]
        (home / "bare/x.tar.d").write_text("")

    def stats(self) -> None:
        for path in self.prerequisites:
            os.stat(path)

    def change(self) -> None:
        """One library as a rebuild leaves it: another build ID, much of the code elsewhere."""
        self.turn += 1
        data = bytearray(self.library.read_bytes())
        for at in range(len(data) // 2, len(data) // 2 + 4096 * 16, 4096):
            data[at : at + 8] = self.turn.to_bytes(8, "little")
        other = self.library.with_name("new")
        other.write_bytes(data)
        other.chmod(0o755)
        other.rename(self.library)
        os.sync()  # else the row pays for what the one before has left to write

    def pack(self, name: str, root: Path, *more: str) -> Callable[[], object]:
        """A run over its own former output."""
        words = ["-t", f"{name}.tar", "--depfile", f"{name}.d", "--root", str(root), "-b", self.program, *more]
        spawn([*self.tool, *words], self.home)
        return lambda: spawn([*self.tool, *words], self.home)

    def rows(self) -> list[Row]:
        """All that is measured."""
        cat = [which("cat") or "cat", *map(str, self.files)]
        whole, bare = self.home / "whole", self.home / "bare"
        return [
            Row("make image", lambda: spawn(["make", "image"], whole)),
            Row("make -q, no depfile", lambda: spawn(["make", "-q", "image"], bare)),
            Row("its stats", self.stats),
            Row("list", lambda: spawn([*self.tool, "list", "--root", str(self.stirred), self.program], self.home)),
            Row("directory touched", self.pack("a", self.stirred, "--keep-mtime"), self.stir),
            Row("directory touched, bare", self.pack("b", self.stirred), self.stir),
            Row("library changed", self.pack("c", self.changing, "--keep-mtime"), self.change),
            Row("library changed, bare", self.pack("d", self.changing), self.change),
            Row("cat", lambda: spawn(cat, self.home, str(self.home / "cat.tar")), os.sync),
            Row(f"make -q, {MANY}", self.many("make")),
            Row(f"make -q, {MANY}, gcc style", self.many("gcc")),
        ]

    def many(self, style: str) -> Callable[[], object]:
        """A rule with that many prerequisites, all of them the system's."""
        place = self.home / f"many-{style}"
        place.mkdir()
        words = ["-t", "x.tar", "--depfile", "x.d", "--depfile-target", "x", "--depfile-style", style]
        spawn([*self.tool, *words, "-e", *MANY_ARE_IN], place)
        (place / "Makefile").write_text("x: ; touch x\ninclude x.d\n")
        (place / "x.tar").unlink()
        (place / "x").touch()
        return lambda: spawn(["make", "-q", "x"], place)


def measure(rows: Sequence[Row], rounds: int) -> dict[str, list[float]]:
    """Wall time of each, in milliseconds."""
    took: dict[str, list[float]] = {row.name: [] for row in rows}
    for number in range(WARM_UPS + rounds):
        for index in order(number, len(rows)):
            row = rows[index]
            row.before()
            begun = time.perf_counter_ns()
            row.run()
            if number >= WARM_UPS:
                took[row.name].append((time.perf_counter_ns() - begun) / 1e6)
    return took


def judge(took: dict[str, list[float]], laws: Sequence[Law], load: float) -> bool:
    """Print all; whether the laws hold, on a busy machine by the minima. What was not measured is skipped."""
    print(f"  {'ms':<32} {'median':>9} {'min':>9}")
    for name, runs in took.items():
        print(f"  {name:<32} {statistics.median(runs):9.2f} {min(runs):9.2f}")
    print(f"load {load:.2f}" + (": high, trust minima" if load > HIGH_LOAD else ""))
    held = True
    for law in laws:
        more = f" + {law.plus_ms:g} ms" if law.plus_ms else ""
        what = f"{law.ours} <= {law.times:.3g} x ({' + '.join(law.peers)}){more}"
        if not {law.ours, *law.peers} <= took.keys():
            print(f"SKIP  {what}")
            continue
        verdicts = []
        for of in (statistics.median, min):
            peers = sum(of(took[peer]) for peer in law.peers)
            verdicts.append((of(took[law.ours]), peers * law.times + law.plus_ms, of(took[law.ours]) / peers))
        good = any(ours <= limit for ours, limit, _ in (verdicts if load > HIGH_LOAD else verdicts[:1]))
        held = held and good
        told = ", ".join(f"{ours:.1f} of {limit:.1f} ms ({times:.2f} x)" for ours, limit, times in verdicts)
        print(f"{'PASS' if good else 'FAIL'}  {what}: {told}")
    return held


def main() -> int:
    """Measure, print, and with --gate judge."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=11, metavar="N", help="measured rounds (default 11)")
    parser.add_argument("--gate", action="store_true", help="exit 1 when a law is broken")
    options = parser.parse_args()
    program = which(PROGRAM)
    if program is None:
        print(f"skipped: no {PROGRAM} on this machine")
        return 0
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="ocidiet-bench-") as directory:
        work = Work(Path(directory), program)
        print(f"{PROGRAM}: {len(work.files)} files, {len(work.prerequisites)} prerequisites, {options.rounds} rounds")
        took = measure(work.rows(), options.rounds)
    held = judge(took, LAWS, max(load, os.getloadavg()[0]))
    return 1 if options.gate and not held else 0


if __name__ == "__main__":
    sys.exit(main())
