"""What an image costs: a layout with its digests, an edit of the program, compressed layers; time and memory.

Beside each stands the limit, or the tool that people use: `openssl dgst`, GNU tar, `docker build`, pigz,
`zstd`. As in `bench.py`, commands run in turn, in an order that changes; all is written to disk before each.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.bench import ENV, MIB, PACKAGE, PEAK, PYTHON, which
from tests.bench.incremental import Law, Row, judge, measure, spawn

PROGRAM, SMALL = "ffmpeg", "git"
ONE = "one CPU"
MOST_MIB, GROWTH_MIB = 20, 1

LAWS = [
    Law("layout", ("openssl dgst",), 1.1),
    Law("layout", ("tar",), 0.85),
    Law(f"layout, {ONE}", (f"openssl dgst, {ONE}",), 1.65),
    Law("program edited", ("layout, auto",), 0.25),
    Law(f"layout of {SMALL}", ("python3 -IS -c pass",), 3.5),
    Law("layout, cold", ("docker build",), 0.1),
    Law("layout, gzip", ("pigz -6",), 1.05),
    Law("layout, zstd", ("zstd -3 -T2", "openssl dgst"), 1.1),
]


class Work:
    """A directory with a compiled copy of the tool, and the layer of a program as a tar."""

    def __init__(self, home: Path, program: str) -> None:
        self.home = home
        shutil.copytree(PACKAGE, home / "ocidiet", ignore=shutil.ignore_patterns("__pycache__"))
        main = str(home / "ocidiet/__main__.py")
        self.tool = [PYTHON, "-IS", main]
        # Of the interpreters that may run it, one that has the module; its bytecode is its own.
        having = [
            path
            for path in (PYTHON, sys.executable)
            if subprocess.run([path, "-Ic", "import zstandard"], stderr=subprocess.DEVNULL, check=False).returncode == 0
        ]
        self.zstd_tool = [having[0], "-IS", main] if having else None
        for python in {PYTHON, *having}:
            spawn([python, "-IS", "-m", "compileall", "-q", str(home / "ocidiet")], home)
        self.program = home / "build" / os.path.basename(program)
        self.program.parent.mkdir()
        shutil.copy(program, self.program)
        self.asked = ["-b", f"{self.program}:/usr/bin/{self.program.name}", "--build-tree", str(self.program.parent)]
        spawn([*self.tool, "-t", "image.tar", "--layout", "scratch", *self.asked], home)
        self.tar = home / "image.tar"
        spawn([*self.tool, "--oci", "edited.oci", "--layers", "auto", *self.asked], home)
        spawn([*self.tool, "list", program], home, str(home / "listed"))
        self.turn = 0

    def fresh(self, *names: str) -> Callable[[], None]:
        """What was written is taken away, and all else is on disk."""

        def before() -> None:
            for name in names:
                shutil.rmtree(self.home / name, ignore_errors=True)
                if (self.home / name).is_file():
                    (self.home / name).unlink()
            os.sync()

        return before

    def edit(self) -> None:
        """The program as a rebuild leaves it."""
        self.turn += 1
        data = bytearray(self.program.read_bytes())
        data[-64:-56] = self.turn.to_bytes(8, "little")
        self.program.with_name("new").write_bytes(data)
        self.program.with_name("new").chmod(0o755)
        self.program.with_name("new").rename(self.program)
        os.sync()
        time.sleep(0.05)  # it could change once more within a tick of the clock

    def layout(self, name: str, *more: str, before: tuple[str, ...] = (), tool: list[str] | None = None) -> Row:
        """A layout that is new."""
        words = [*before, *(tool or self.tool), "--oci", "out.oci", *self.asked, *more]
        return Row(name, lambda: spawn(words, self.home), self.fresh("out.oci"))

    def command(self, name: str, *words: str, stdout: str = os.devnull) -> Iterator[Row]:
        """What another tool needs, if it is here."""
        found = which(words[0])
        if found is not None:
            out = os.devnull if stdout == os.devnull else str(self.home / stdout)
            yield Row(name, lambda: spawn([found, *words[1:]], self.home, out), self.fresh(stdout))

    def rows(self) -> Iterator[Row]:
        """Those that take a moment."""
        dgst = ("openssl", "dgst", "-sha256", str(self.tar))
        yield self.layout("layout")
        yield self.layout("layout, auto", "--layers", "auto")
        yield from self.command("openssl dgst", *dgst)
        yield from self.command("tar", "tar", "-P", "-cf", str(self.home / "tar.tar"), "-T", str(self.home / "listed"))
        if which("taskset") is not None:
            yield self.layout(f"layout, {ONE}", before=(which("taskset") or "", "-c", "0"))
            yield from self.command(f"openssl dgst, {ONE}", "taskset", "-c", "0", *dgst)
        edited = [*self.tool, "--oci", "edited.oci", "--layers", "auto", *self.asked]
        yield Row("program edited", lambda: spawn(edited, self.home), self.edit)
        small = which(SMALL)
        if small is not None:
            words = [*self.tool, "--oci", "small.oci", "-b", small]
            yield Row(f"layout of {SMALL}", lambda: spawn(words, self.home), self.fresh("small.oci"))
        yield Row("python3 -IS -c pass", lambda: spawn([PYTHON, "-IS", "-c", "pass"], self.home), os.sync)

    def slow_rows(self) -> Iterator[Row]:
        """Those that take seconds."""
        yield self.layout("layout, cold")
        yield self.layout("layout, gzip", "--compress", "gzip:6")
        yield from self.command("pigz -6", "pigz", "-6", "-n", "-c", str(self.tar), stdout="tar.gz")
        if self.zstd_tool is not None:
            yield self.layout("layout, zstd", "--compress", "zstd:3", tool=self.zstd_tool)
        yield from self.command("zstd -3 -T2", "zstd", "-q", "-3", "-T2", "-c", str(self.tar), stdout="tar.zst")

    @contextmanager
    def docker(self) -> Iterator[list[Row]]:
        """`docker build` of the ready tar, with a daemon of its own on the same disk."""
        daemon, client = which("dockerd"), which("docker")
        if daemon is None or client is None or os.geteuid() != 0:
            yield []
            return
        home = self.home / "docker"
        (home / "context").mkdir(parents=True)
        os.link(self.tar, home / "context/image.tar")
        (home / "context/Dockerfile").write_text("FROM scratch\nADD image.tar /\n")
        socket = f"unix://{home}/socket"
        places = ["--data-root", f"{home}/data", "--exec-root", f"{home}/exec", "--pidfile", f"{home}/pid"]
        options = ["--host", socket, "--bridge", "none", "--iptables=false"]
        words = [client, "--host", socket]
        with (
            open(home / "log", "wb") as log,
            subprocess.Popen([daemon, *places, *options], stdout=log, stderr=log) as run,
        ):
            try:
                for _ in range(300):
                    if subprocess.run([*words, "version"], capture_output=True, check=False).returncode == 0:
                        break
                    time.sleep(0.1)
                build = [*words, "build", "--quiet", "--no-cache", f"{home}/context"]
                env = {**ENV, "DOCKER_BUILDKIT": "0"}
                yield [
                    Row(
                        "docker build",
                        lambda: subprocess.run(build, env=env, stdout=subprocess.DEVNULL, check=True),
                        os.sync,
                    )
                ]
            finally:
                run.terminate()

    def peak_mib(self, *more: str) -> float:
        """Peak memory of a layout; asked for by a bare interpreter, which is never larger."""
        words = [*self.tool, "--oci", "out.oci", *self.asked, *more]
        self.fresh("out.oci")()
        asked = subprocess.run(
            [PYTHON, "-IS", "-c", PEAK, *words], cwd=self.home, env=ENV, capture_output=True, check=True
        )
        status, peak = asked.stdout.split()
        if status != b"0":
            sys.exit(f"failed: {' '.join(words)}")
        return int(peak) * 1024 / MIB


def memory(work: Work) -> bool:
    """Print the peaks; whether they are as small as they must be."""
    sizes = {"10 MB": 10**7, "1 GiB": 1 << 30}
    for name, size_bytes in sizes.items():
        with open(work.home / name, "wb") as sparse:
            sparse.truncate(size_bytes)
    peaks = {"layout": work.peak_mib()} | {name: work.peak_mib("-e", str(work.home / name)) for name in sizes}
    growth = abs(peaks["1 GiB"] - peaks["10 MB"])
    held = max(peaks.values()) <= MOST_MIB and growth <= GROWTH_MIB
    told = ", ".join(f"{name} {peak:.1f}" for name, peak in peaks.items())
    print(f"{'PASS' if held else 'FAIL'}  peak memory <= {MOST_MIB} MiB, of a large file as of a small: {told} MiB")
    return held


def main() -> int:
    """Measure, print, and with --gate judge."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--rounds", type=int, default=11, metavar="N", help="measured rounds (default 11); of slow rows 3"
    )
    parser.add_argument("--fast", action="store_true", help="leave the slow rows out")
    parser.add_argument("--gate", action="store_true", help="exit 1 when a law is broken")
    options = parser.parse_args()
    program = which(PROGRAM)
    if program is None:
        print(f"skipped: no {PROGRAM} on this machine")
        return 0
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="ocidiet-bench-") as directory:
        work = Work(Path(directory), program)
        print(f"{PROGRAM}: a layer of {work.tar.stat().st_size / 1e6:.1f} MB, {options.rounds} rounds")
        took = measure([*work.rows()], options.rounds)
        if not options.fast:
            with work.docker() as built:
                took |= measure([*work.slow_rows(), *built], min(options.rounds, 3))
        held = judge(took, LAWS, max(load, os.getloadavg()[0]))
        held = memory(work) and held
    return 1 if options.gate and not held else 0


if __name__ == "__main__":
    sys.exit(main())
