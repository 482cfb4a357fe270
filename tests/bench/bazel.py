"""What packing costs in a Bazel build: ocidiet's actions beside rules_pkg's, of the same files, one of them new.

The time is what Bazel's execution log tells of each command: how long it ran, without the making of its
sandbox, which is told beside it. Bazel, its tree and its stubs are those of the tests.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import pytest

from tests.bench.bench import WARM_UPS
from tests.bench.incremental import Law, judge
from tests.tools.bazel_lab import SEVEN, Lab, Workspace
from tests.tools.bazel_roots import DIRECTORY, LIBRARIES, LOADER
from tests.unit.elfmaker import make

FILES, FILE_BYTES, OWN_LIBRARIES = 500, 210_000, 99
ROOT_FILES = 5000
OURS, PEER = "ocidiet_tar", "pkg_tar"
LAWS = [Law(OURS, (PEER,), 1.0)]

MODULE = """\
module(name = "bench")
bazel_dep(name = "ocidiet", version = "0.1.0")
local_path_override(module_name = "ocidiet", path = "{ocidiet}")
bazel_dep(name = "rules_pkg", version = "0.9.1")
"""
BUILD = f"""\
load("@ocidiet//rules:defs.bzl", "ocidiet_root", "ocidiet_tar")
load("@rules_pkg//:pkg.bzl", "pkg_tar")

ocidiet_root(name = "root", srcs = glob(["root/**"]), links = "links", strip_prefix = "root")

filegroup(name = "program", srcs = ["bin/program"], data = glob(["lib/*"]))

filegroup(name = "data", srcs = glob(["data/*"]))

ocidiet_tar(
    name = "{OURS}",
    binaries = [":program"],
    extras = {{":data": "/app/data"}},
    package_dir = "/app",
    root = ":root",
)

# The system's libraries, too, each once.
pkg_tar(
    name = "{PEER}",
    srcs = ["bin/program"] + glob(["lib/*", "data/*"]) + SYSTEM,
    package_dir = "/app",
    strip_prefix = ".",
)
"""


def project(lab: Lab) -> Workspace:
    """A program with libraries and data of its own, and a root in which most is of no use to it."""
    made = lab.workspace(lab.home / "bench", fast_start=False)
    top, root, noise = made.path, made.path / "root", random.Random(0)
    system = root / DIRECTORY
    system.mkdir(parents=True)
    links = {f"/lib64/{LOADER}": f"../{DIRECTORY}/{LOADER}"}
    for name in LIBRARIES:
        real = (lab.top / DIRECTORY / name).resolve()
        shutil.copy(real, system)
        if real.name != name:
            links[f"/{DIRECTORY}/{name}"] = real.name
    there = [f"root/{DIRECTORY}/{path.name}" for path in system.iterdir()]
    for number in range(ROOT_FILES - len(there) - 1):
        name = f"libunused{number}.so.1"
        (system / name).write_bytes(make(soname=name))
    made.write("root/etc/ld.so.conf", f"/{DIRECTORY}\n")
    made.write("links", "".join(f"{place}\t{target}\n" for place, target in sorted(links.items())))

    names = [f"libown{number}.so" for number in range(OWN_LIBRARIES)]
    for directory in ("bin", "lib", "data"):
        (top / directory).mkdir()
    for name in names:
        (top / "lib" / name).write_bytes(make(soname=name, needed=["libz.so.1"]) + noise.randbytes(FILE_BYTES))
    for number in range(FILES - len(names) - 1):
        (top / f"data/{number}").write_bytes(noise.randbytes(FILE_BYTES))
    made.write("MODULE.bazel", MODULE.format(ocidiet=lab.home / "ocidiet"))
    made.write("BUILD.bazel", BUILD.replace("SYSTEM", str(there)))
    made.flags = ["--override_module=rules_pkg=/usr/share/bazel/rules/pkg"]
    return made


def change(made: Workspace, turn: int) -> None:
    """Another program."""
    needed = [f"libown{number}.so" for number in range(OWN_LIBRARIES)] + ["libstdc++.so.6", "libc.so.6"]
    program = make(interp=f"/lib64/{LOADER}", needed=needed, runpath="$ORIGIN/../lib")
    path = made.path / "bin/program"
    path.unlink(missing_ok=True)
    path.write_bytes(program + random.Random(turn).randbytes(FILE_BYTES))
    path.chmod(0o755)


def measure(made: Workspace, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each target's commands, of all together, and of the whole call of Bazel."""
    took: dict[str, list[float]] = {}
    for number in range(WARM_UPS + rounds):
        change(made, number)
        for target in (OURS, PEER) if number % 2 else (PEER, OURS):
            os.sync()
            begun = time.perf_counter_ns()
            built = made.build(f"//:{target}")
            elapsed = (time.perf_counter_ns() - begun) / 1e6
            if number >= WARM_UPS:
                spawns = {spawn.mnemonic: spawn.wall_s * 1e3 for spawn in built.spawns}
                for name, ms in {**spawns, target: sum(spawns.values()), f"bazel build :{target}": elapsed}.items():
                    took.setdefault(name, []).append(ms)
    return took


def main() -> int:
    """Measure, print, and with --gate judge."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=11, metavar="N", help="measured rounds (default 11)")
    parser.add_argument("--gate", action="store_true", help="exit 1 when a law is broken")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ocidiet-bench-") as directory:
        try:
            lab = Lab(Path(directory), SEVEN)
        except pytest.skip.Exception as skipped:
            print(f"skipped: {skipped}")
            return 0
        try:
            print(f"{FILES} files of {FILE_BYTES / 1e6:g} MB, a root of {ROOT_FILES}, {options.rounds} rounds")
            load = os.getloadavg()[0]
            took = measure(project(lab), options.rounds)
            held = judge(took, LAWS, max(load, os.getloadavg()[0]))
        finally:
            lab.shutdown()
    return 1 if options.gate and not held else 0


if __name__ == "__main__":
    sys.exit(main())
