"""Wall time, cpu time and memory of ocidiet beside the tools that do parts of its job.

Commands run in turn, in an order that changes from round to round so that each has every other one
as its predecessor: a big writer slows whoever comes next. Each output is new and on one file system.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent.parent / "ocidiet"
HELLO = '#include <stdio.h>\nint main(void) { puts("Hello World"); return 0; }\n'
# PYTHONDONTWRITEBYTECODE and its like would measure another thing.
ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/", "LC_ALL": "C.UTF-8"}
PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
CASES = ("hello", "git", "ffmpeg", "machine", "chain", "memory")
WARM_UPS = 2
HIGH_LOAD = 1.5
MIB = 1 << 20

START, VERSION, RESOLVE, WHOLE = "python3 -IS -c pass", "ocidiet --version", "ocidiet resolve", "ocidiet whole job"
LDD, LIBTREE = "ldd", "libtree -vv"
LDD_TENTH = "ldd of a tenth"
SHORT, LONG = 1000, 2000
RESOLVE_SHORT, RESOLVE_LONG = f"{RESOLVE}, {SHORT}", f"{RESOLVE}, {LONG}"
LDD_SHORT, LDD_LONG = f"{LDD}, {SHORT}", f"{LDD}, {LONG}"
CAT, TAR, TAR_1M, BY_HAND = "cat", "tar", "tar -b2048", "ldd, cp, tar"
# Over an output that is already there.
WHOLE_OVER, TAR_OVER = "ocidiet, replacing", "tar, replacing"
PEERS = {
    RESOLVE: (START, LDD, LIBTREE, LDD_TENTH),
    RESOLVE_LONG: (RESOLVE_SHORT, LDD_LONG),
    WHOLE: (START, CAT, TAR, TAR_1M, BY_HAND),
    VERSION: (START,),
    WHOLE_OVER: (TAR_OVER,),
}

SMALL_FILE, LARGE_FILE = "10 MB file", "1 GiB file"
LARGEST, GROWTH = "largest peak, MiB", "peak of 1 GiB beside 10 MB, MiB"

# Linux counts into a child's peak what its parent had at the time of exec(2): so the parent is a bare
# interpreter, which is never larger than the tool.
PEAK = """\
import os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print(status, usage.ru_maxrss)
"""


class Command(NamedTuple):
    """What is run; `stdout` is a new file, or nobody's."""

    name: str
    argv: list[str]
    stdout: str = ""


class Took(NamedTuple):
    """One run, in milliseconds."""

    wall: float
    cpu: float


class Gate(NamedTuple):
    """A law: the ratio of `ours` to `peer` in a case, or a value in MiB, is not above `limit`."""

    case: str
    ours: str
    peer: str
    limit: float


GATES = [
    Gate("ffmpeg", WHOLE, CAT, 1.25),
    Gate("ffmpeg", WHOLE, TAR, 0.7),
    Gate("ffmpeg", RESOLVE, LDD, 1.0),
    Gate("machine", RESOLVE, LIBTREE, 1.3),
    Gate("machine", RESOLVE, LDD_TENTH, 1.0),
    Gate("chain", RESOLVE_LONG, LDD_LONG, 0.35),
    Gate("chain", RESOLVE_LONG, RESOLVE_SHORT, 2.2),
    Gate("hello", WHOLE, START, 2.0),
    Gate("memory", LARGEST, "", 16.0),
    Gate("memory", GROWTH, "", 1.0),
]
# What a throw-away prototype without error handling allows to hope for.
AIMS = {
    "R1": [Gate("hello", RESOLVE, START, 1.5)],
    "R3": [Gate("ffmpeg", RESOLVE, LDD, 0.85), Gate("ffmpeg", RESOLVE, LIBTREE, 1.3)],
    "R4": [Gate("machine", RESOLVE, LIBTREE, 1.1)],
    "R5": [Gate("chain", RESOLVE_LONG, LDD_LONG, 0.25)],
    "T1": [
        Gate("ffmpeg", WHOLE, TAR, 0.65),
        Gate("ffmpeg", WHOLE, CAT, 1.25),
        Gate("ffmpeg", WHOLE, TAR_1M, 1.7),
    ],
    "T4": [Gate("ffmpeg", WHOLE_OVER, TAR_OVER, 0.85)],
    "U1": [Gate("hello", VERSION, START, 1.3)],
    "M1": [Gate("memory", LARGEST, "", 14.0), Gate("memory", GROWTH, "", 1.0)],
}

Runs = dict[str, list[Took]]


class Bench:
    """A working directory with a compiled copy of the package, and what was measured there."""

    def __init__(self, work: Path, package: Path) -> None:
        self.work = work
        self.out = work / "out"
        self.out.mkdir()
        self.kept = work / "kept"
        self.kept.mkdir()
        shutil.copytree(package, work / "ocidiet", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(HERE / "resolve.py", work)
        own = [str(work / "ocidiet"), str(work / "resolve.py")]
        self.spawn(Command("compileall", [PYTHON, "-IS", "-m", "compileall", "-q", *own]))
        self.runs: dict[str, Runs] = {}
        self.peaks: dict[str, float] = {}

    def spawn(self, command: Command) -> Took:
        """Run to the end, which must be a good one; then nothing in `out` is left."""
        flags = os.O_WRONLY | (os.O_CREAT | os.O_EXCL if command.stdout else 0)
        action = (os.POSIX_SPAWN_OPEN, 1, command.stdout or os.devnull, flags, 0o644)
        begun = time.perf_counter_ns()
        pid = os.posix_spawn(command.argv[0], command.argv, ENV, file_actions=[action])
        _, status, usage = os.wait4(pid, 0)
        ended = time.perf_counter_ns()
        if status:
            sys.exit(f"exit status {os.waitstatus_to_exitcode(status)}: {' '.join(command.argv[:8])}")
        shutil.rmtree(self.out)
        self.out.mkdir()
        return Took((ended - begun) / 1e6, (usage.ru_utime + usage.ru_stime) * 1e3)

    def output(self, command: Command) -> str:
        """What a command prints."""
        kept = self.work / "printed"
        kept.unlink(missing_ok=True)
        self.spawn(command._replace(stdout=str(kept)))
        return kept.read_text()

    def tool(self, out: Path, program: str, *more: str) -> list[str]:
        """The whole job: image and depfile."""
        main = [PYTHON, "-IS", str(self.work / "ocidiet" / "__main__.py"), "-t", str(out / "out.tar")]
        return [*main, "-b", program, "--depfile", str(out / "out.d"), *more]

    def resolve(self, name: str, *programs: str) -> Command:
        """The closure of programs alone: from bytecode, as the tool itself runs."""
        run = f"import sys; sys.path.insert(0, {str(self.work)!r}); import resolve"
        return Command(name, [PYTHON, "-IS", "-c", run, *programs])

    def succeeds(self, *argv: str) -> bool:
        """Whether a command ends well, of whatever it prints."""
        action = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)]
        return os.waitpid(os.posix_spawn(argv[0], argv, ENV, file_actions=action), 0)[1] == 0

    def commands_for_the_machine(self) -> Iterator[Command]:
        """Each over all programs that can be started here, in one process."""
        libtree, ldd = which("libtree"), which("ldd")
        programs = [path for path in executables() if libtree is None or self.succeeds(libtree, "-vv", path)]
        print(f"\n{len(programs)} programs of the machine")
        yield Command(START, [PYTHON, "-IS", "-c", "pass"])
        yield self.resolve(RESOLVE, *programs)
        if libtree is not None:
            yield Command(LIBTREE, [libtree, "-vv", *programs])
        if ldd is not None:
            dynamic = [path for path in programs[::10] if self.succeeds(ldd, path)]
            yield Command(LDD_TENTH, [ldd, *dynamic])

    def commands_for_chains(self) -> Iterator[Command]:
        """Each for programs of so many libraries, of which each needs the next."""
        compiler, ldd = which("cc"), which("ldd")
        if compiler is None:
            return
        short, long = (self.chain(compiler, length) for length in (SHORT, LONG))
        print(f"\nchains of {SHORT} and {LONG} libraries")
        yield self.resolve(RESOLVE_SHORT, short)
        yield self.resolve(RESOLVE_LONG, long)
        if ldd is not None:
            yield Command(LDD_SHORT, [ldd, short])
            yield Command(LDD_LONG, [ldd, long])

    def chain(self, compiler: str, length: int) -> str:
        """A program and its libraries: two are linked, and written again with other numbers."""
        top = self.work / f"chain-{length}"
        top.mkdir()
        (top / "none.c").touch()
        (top / "main.c").write_text("int main(void) { return 0; }\n")
        options = [compiler, "-Wl,--no-as-needed,--enable-new-dtags,-rpath,$ORIGIN", "-o"]

        def link(name: str, *more: str) -> bytes:
            self.spawn(Command("cc", [*options, str(top / name), *more]))
            return (top / name).read_bytes()

        first, second, last = (f"libchain{number:04}.so" for number in (0, 1, length - 1))
        bare = ["-shared", "-nostdlib", str(top / "none.c")]
        end = link(second, *bare, f"-Wl,-soname,{second}")
        link_text = link(first, *bare, f"-Wl,-soname,{first}", str(top / second))
        link("main", str(top / "main.c"), str(top / first), "-Wl,--allow-shlib-undefined")
        for number in range(1, length - 1):
            text = link_text.replace(second.encode(), f"libchain{number + 1:04}.so".encode())
            (top / f"libchain{number:04}.so").write_bytes(
                text.replace(first.encode(), f"libchain{number:04}.so".encode())
            )
        (top / last).write_bytes(end.replace(second.encode(), last.encode()))
        return str(top / "main")

    def commands(self, program: str) -> Iterator[Command]:
        """All that is run for a program."""
        resolve = self.resolve(RESOLVE, program)
        files = self.output(resolve).splitlines()
        total = sum(os.stat(path).st_size for path in files)
        print(f"\n{os.path.basename(program)}: {len(files)} files, {total / 1e6:.1f} MB")
        ready = self.work / "ready"
        ready.write_text("\n".join(files) + "\n")
        image = str(self.out / "out.tar")
        yield Command(START, [PYTHON, "-IS", "-c", "pass"])
        yield Command(VERSION, [PYTHON, "-IS", str(self.work / "ocidiet" / "__main__.py"), "--version"])
        yield resolve
        for name, options in ((LDD, []), (LIBTREE, ["-vv"])):
            found = which(name.split()[0])
            if found is not None:
                yield Command(name, [found, *options, program])
        yield Command(WHOLE, self.tool(self.out, program))
        yield Command(WHOLE_OVER, self.tool(self.kept, program))
        yield Command(CAT, [which("cat") or "/bin/cat", *files], image)
        tar = which("tar")
        if tar is not None:
            for name in (TAR, TAR_1M):
                yield Command(name, [tar, *name.split()[1:], "-P", "-cf", image, "-T", str(ready)])
            yield Command(TAR_OVER, [tar, "-P", "-cf", str(self.kept / "tar.tar"), "-T", str(ready)])
            yield Command(BY_HAND, ["/bin/sh", str(HERE / "by_hand.sh"), program, str(self.out / "stage"), image])

    def measure(self, case: str, commands: list[Command], rounds: int) -> None:
        """Run all commands in turn."""
        runs: Runs = {command.name: [] for command in commands}
        for number in range(WARM_UPS + rounds):
            for index in order(number, len(commands)):
                took = self.spawn(commands[index])
                if number >= WARM_UPS:
                    runs[commands[index].name].append(took)
        self.runs[case] = runs
        shutil.rmtree(self.kept)
        self.kept.mkdir()

    def measure_memory(self, programs: dict[str, str]) -> None:
        """Peak memory of whole jobs: of each program, and with files of two sizes."""
        jobs = {name: self.tool(self.out, program) for name, program in programs.items()}
        smallest = next(iter(programs.values()))
        for name, size_bytes in ((SMALL_FILE, 10**7), (LARGE_FILE, 1 << 30)):
            path = self.work / name.replace(" ", "-")
            with open(path, "wb") as sparse:
                sparse.truncate(size_bytes)
            jobs[name] = self.tool(self.out, smallest, "-e", str(path))
        for name, argv in jobs.items():
            status, peak = self.output(Command(name, [PYTHON, "-IS", "-c", PEAK, *argv])).split()
            if status != "0":
                sys.exit(f"failed: {' '.join(argv)}")
            self.peaks[name] = int(peak) * 1024 / MIB

    def value(self, gate: Gate) -> tuple[float, float, float] | None:
        """As `ratios`; None where it was not measured."""
        if gate.case == "memory":
            if not self.peaks:
                return None
            growth = abs(self.peaks[LARGE_FILE] - self.peaks[SMALL_FILE])
            value = growth if gate.ours == GROWTH else max(self.peaks.values())
            return value, value, value
        runs = self.runs.get(gate.case, {})
        if gate.ours not in runs or gate.peer not in runs:
            return None
        return ratios(runs[gate.ours], runs[gate.peer])


def which(name: str) -> str | None:
    """A tool's path, in the environment of the measured commands."""
    return shutil.which(name, path=ENV["PATH"])


def executables() -> list[str]:
    """The programs in the usual directories that are this machine's own ELF files."""
    found = set()
    with open(sys.executable, "rb") as own:
        head = own.read(20)
    for entry in (*os.scandir("/usr/bin"), *os.scandir("/usr/sbin")):
        path = os.path.realpath(entry.path)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            with open(path, "rb") as stream:
                there = stream.read(20)
            # Class, byte order and machine.
            if there[:6] == head[:6] and there[18:] == head[18:]:
                found.add(path)
    return sorted(found)


def order(number: int, count: int) -> list[int]:
    """Row `number` of Williams' square: 0, 1, -1, 2, -2 ... and so on, shifted; every second one mirrored."""
    row = [(number // 2 + (step + 1) // 2 * (1 if step % 2 else -1)) % count for step in range(count)]
    return row[::-1] if number % 2 else row


def ratios(ours: Sequence[Took], peer: Sequence[Took]) -> tuple[float, float, float]:
    """The median of the rounds', that of minima, and the median of the rounds' by cpu time."""
    pairs = list(zip(ours, peer, strict=True))
    wall = statistics.median(mine.wall / other.wall for mine, other in pairs)
    minima = [min(took.wall for took in runs) for runs in (ours, peer)]
    cpu = statistics.median(mine.cpu / max(other.cpu, 0.001) for mine, other in pairs)
    return wall, minima[0] / minima[1], cpu


def print_runs(runs: Runs) -> None:
    """One row for each command; behind the peers how many times their time ocidiet takes."""
    print(f"  {'ms':<20} {'median':>9} {'min':>9} {'cpu':>9}  {'resolve':>8} {'whole':>8}")
    for name, took in runs.items():
        wall = [one.wall for one in took]
        cells = [
            f"{ratios(runs[ours], took)[0]:.2f}x" if ours in runs and name in PEERS[ours] else ""
            for ours in (
                RESOLVE_LONG if name in PEERS[RESOLVE_LONG] else RESOLVE,
                WHOLE_OVER if name == TAR_OVER else WHOLE,
            )
        ]
        cpu = statistics.median(one.cpu for one in took)
        numbers = f"{statistics.median(wall):9.2f} {min(wall):9.2f} {cpu:9.2f}"
        print(f"  {name:<20} {numbers}  {cells[0]:>8} {cells[1]:>8}".rstrip())


def print_gates(bench: Bench, title: str, gates: Sequence[Gate], busy: bool) -> bool:
    """Whether all hold; on a busy machine cpu time is a second witness."""
    held = True
    for gate in gates:
        values = bench.value(gate)
        what = f"{gate.case}: {gate.ours}" + (f" / {gate.peer}" if gate.peer else "")
        if values is None:
            print(f"{title} SKIP  {what}")
            continue
        verdict = "PASS" if values[0] <= gate.limit else "PASS by cpu" if busy and values[2] <= gate.limit else "FAIL"
        held = held and verdict != "FAIL"
        more = f" (minima {values[1]:.2f}, cpu {values[2]:.2f})" if gate.peer else ""
        print(f"{title} {verdict}  {what} <= {gate.limit:g}: {values[0]:.2f}{more}")
    return held


def hello(work: Path, bench: Bench) -> str | None:
    """A compiled program of one library, where there is a compiler."""
    compiler = which("cc")
    if compiler is None:
        return None
    (work / "hello.c").write_text(HELLO)
    bench.spawn(Command("cc", [compiler, "-O2", "-o", str(work / "hello"), str(work / "hello.c")]))
    return str(work / "hello")


def main() -> int:
    """Measure, print, and with --gate judge."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=21, metavar="N", help="measured rounds (default 21)")
    parser.add_argument("--only", action="append", choices=CASES, help="this case alone; may be repeated")
    parser.add_argument("--gate", action="store_true", help="exit 1 when a gate fails")
    parser.add_argument("--package", type=Path, default=PACKAGE, metavar="DIR", help="measure this ocidiet/")
    options = parser.parse_args()
    only = options.only or CASES
    package = options.package.resolve()
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cpus, load {load:.2f}, Linux {platform.release()}, {PYTHON}, {options.rounds} rounds")

    with tempfile.TemporaryDirectory(prefix="ocidiet-bench-") as directory:
        work = Path(directory)
        os.chdir(work)
        bench = Bench(work, package)
        found = {"hello": hello(work, bench), "git": which("git"), "ffmpeg": which("ffmpeg")}
        programs = {case: path for case, path in found.items() if path is not None}
        for case, path in found.items():
            if path is None:
                print(f"{case}: skipped, not on this machine")
            elif case in only:
                bench.measure(case, list(bench.commands(path)), options.rounds)
                print_runs(bench.runs[case])
        for case, commands in (("machine", bench.commands_for_the_machine), ("chain", bench.commands_for_chains)):
            if case in only:
                bench.measure(case, list(commands()), options.rounds)
                print_runs(bench.runs[case])
        if "memory" in only and programs:
            bench.measure_memory(programs)
            print("\npeak memory of whole jobs, MiB")
            for name, peak in bench.peaks.items():
                print(f"  {name:<20} {peak:9.1f}")
        os.chdir("/")

    load = max(load, os.getloadavg()[0])
    busy = load > HIGH_LOAD
    print(f"\nload {load:.2f}" + (": high, trust ratios and minima, not milliseconds" if busy else ""))
    held = print_gates(bench, "gate", GATES, busy)
    for name, gates in AIMS.items():
        print_gates(bench, f"aim {name}", gates, busy)
    return 1 if options.gate and not held else 0


if __name__ == "__main__":
    sys.exit(main())
