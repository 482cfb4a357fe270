"""A sysroot that means ill: the kernel never leads the tool out of it (DESIGN.md, "Roots").

What lies outside holds a mark that no image may hold, behind links of procfs, whose end is not their
text, and behind directories that are swapped for links while the tool runs.
"""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ocidiet.cli import options, pack
from ocidiet.errors import OcidietError
from tests.support import CHECKOUT, MAIN, PYTHON, clean_env, done, need, ocidiet, run
from tests.unit.elfmaker import INTERP, LOADER, lay, make, program

INSIDE, OUTSIDE = b"made inside the root", b"made outside the root"


def sysroot(home: Path) -> str:
    """A sysroot whose program needs a library of /opt/lib, and its twin outside: a link to there leads, taken
    as text, to one more inside, so that the search never fails."""
    inside, outside = (make(soname="libown.so") + mark for mark in (INSIDE, OUTSIDE))
    root = {
        INTERP: LOADER,
        "/bin/prog": program("libown.so", runpath="/opt/lib"),
        "/opt/lib/libown.so": inside,
        "/dir/sub/data": INSIDE,
        f"{home}/outside/libown.so": inside,
        f"{home}/outside/data": INSIDE,
    }
    lay(home / "root", {**root, "/link": f"{home}/outside"})
    lay(home, {"/outside/libown.so": outside, "/outside/data": OUTSIDE, "/outside/more/data": OUTSIDE})
    return str(home / "root")


# Exchanges two names for as long as its parent lives, and a moment at a time lets them be.
SWAPPER = """
import ctypes, os, random, sys, time
swap = ctypes.CDLL(None).renameat2
one, two = map(os.fsencode, sys.argv[1:])
parent = os.getppid()
print(flush=True)
while os.getppid() == parent:
    for _ in range(100):
        swap(-100, one, -100, two, 2)  # AT_FDCWD, RENAME_EXCHANGE
        if random.random() < 0.3:
            time.sleep(random.random() / 500)
"""


@contextmanager
def swapping(one: str, two: str) -> Iterator[None]:
    """Both names are exchanged without end."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "renameat2"):
        pytest.skip("needs renameat2")
    for _ in range(2):
        if libc.renameat2(-100, os.fsencode(one), -100, os.fsencode(two), 2) != 0:
            pytest.skip("needs a file system that exchanges names")
    with subprocess.Popen([PYTHON, "-ISc", SWAPPER, one, two], env=clean_env(), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("swapped", "argv"),
    [
        pytest.param("/opt/lib", ["-b", "=/bin/prog:/prog"], id="library"),
        pytest.param("/opt", ["-b", "=/bin/prog:/prog"], id="directory above"),
        pytest.param("/dir/sub", ["-e", "=/dir:/dir"], id="tree"),
        pytest.param("/dir", ["-e", "=/dir:/dir"], id="top of a tree"),
        pytest.param("/dir/sub", ["-e", "=/dir/sub/data:/data"], id="file"),
    ],
)
def test_a_directory_that_is_swapped_for_a_link_leads_nowhere(tmp_path: Path, swapped: str, argv: list[str]) -> None:
    root, tar = sysroot(tmp_path), tmp_path / "image.tar"
    if swapped == "/opt":
        lay(tmp_path, {"/outside/lib": ".", f"/root{tmp_path}/outside/lib": "."})
    given = options.parse(["-t", str(tar), "--root", root, "--build-tree", str(CHECKOUT), *argv])
    outcomes: Counter[str] = Counter()
    leaked = 0
    with swapping(root + swapped, f"{root}/link"):
        end = time.monotonic() + 1.2
        while time.monotonic() < end:
            try:
                pack.pack(options.request(given, str(tmp_path)))
                outcomes["packed"] += 1
            except OcidietError as error:
                outcomes[type(error).__name__] += 1
            if tar.exists():
                leaked += OUTSIDE in tar.read_bytes()
                tar.unlink()
    assert leaked == 0, outcomes
    assert outcomes.keys() <= {"packed", "InputChanged", "InputError", "MissingLibraries"}
    assert outcomes["packed"] > 0, outcomes
    assert outcomes["InputChanged"] > 0, outcomes


def test_no_path_through_a_root_is_the_kernels_to_walk(tmp_path: Path) -> None:
    need("strace")
    root = sysroot(tmp_path)
    os.symlink("/opt/lib/libown.so", f"{root}/dir/abs")
    tool = [PYTHON, "-ISB", MAIN, "-t", "image.tar", "--root", root, "--depfile", "d", "--build-tree", CHECKOUT]
    strace = ["strace", "-f", "-qq", "-y", "-o", "trace", "-e", "trace=%file,write"]
    done([*strace, *map(str, tool), "-b", "=/bin/prog:/prog", "-e", "=/dir:/dir", "=/dir/abs:/abs"], tmp_path)
    trace = (tmp_path / "trace").read_text().splitlines()
    below = [at for at, line in enumerate(trace) if f'"{root}/' in line]
    written = max(at for at, line in enumerate(trace) if re.search(r" write\(.*\.image\.tar\.\d", line))
    # By its whole path a file is only looked at again, when the image is written.
    opened = [trace[at] for at in below if at < written or not re.search(r" (newfstatat|lstat|readlink)\(", trace[at])]
    assert opened == []
    calls = [re.search(rf'(\w+)\(\d+<({re.escape(root)}[^>]*)>, "(.+?)", (.*)', line) for line in trace]
    inside = [call.groups() for call in calls if call is not None]
    assert {call for call, *_ in inside} == {"openat", "newfstatat", "readlinkat"}
    assert [call for call in inside if "/" in call[2] or ".." in call[2]] == []
    assert [call for call in inside if "NOFOLLOW" not in call[3] and call[0] != "readlinkat"] == []


# Every path below is the machine's to open: what it leads to is outside.
MAGIC = ["/proc/self/rootOUT/data", "/proc/self/cwd/data", "/proc/self/fd/0", "/proc/thread-self/rootOUT/data"]


def test_links_of_procfs_lead_where_their_text_says_inside_the_root(tmp_path: Path) -> None:
    need("unshare", "mount", root=True)
    root = sysroot(tmp_path)
    outside = f"{tmp_path}/outside"
    os.mkdir(f"{root}/proc")
    for name in ("data", "libown.so"):
        os.unlink(f"{root}{outside}/{name}")
    paths = [path.replace("OUT", outside) for path in MAGIC]
    script = """
import sys
sys.path.insert(0, sys.argv[1])
from ocidiet.fs import DiskRoot, Record
root = sys.argv[2]
for path in sys.argv[3:]:
    kernels = open(root + path, "rb").read().decode()
    walk = DiskRoot(root, Record()).walk(path)
    print(kernels, walk.kind, walk.hops[-1].path, sep=": ")
"""
    bind = 'mount --bind /proc "$0/proc" && exec "$@"'
    unshare = ["unshare", "--mount", "sh", "-c", bind, root]
    with open(f"{outside}/data") as data:
        told = done([*unshare, PYTHON, "-ISc", script, CHECKOUT, root, *paths], Path(outside), stdin=data)
    gone = {"root": f"{outside}/data", "cwd": f"{outside}/data", "fd": f"{outside}/data"}
    assert told.splitlines() == [f"{OUTSIDE.decode()}: absent: {gone[path.split('/')[3][:4]]}" for path in paths]

    tool = [*unshare, PYTHON, "-ISB", MAIN, "-t", tmp_path / "image.tar", "--root", root, "--build-tree", CHECKOUT]
    for path in paths:
        ended = run([*map(str, tool), "-e", f"={path}:/data"], Path(outside))
        assert (ended.returncode, ended.stdout) == (1, ""), ended.stderr
    for name, runpath in (("magic", f"/proc/self/root{outside}"), ("cwd", "/proc/self/cwd")):
        (tmp_path / name).write_bytes(program("libown.so", runpath=runpath))
        ended = run([*map(str, tool), "-b", f"{tmp_path}/{name}:/prog"], Path(outside))
        assert (ended.returncode, ended.stderr.splitlines()[0]) == (
            1,
            f"ocidiet: error: {tmp_path}/{name}: 1 library not found",
        )
    assert not (tmp_path / "image.tar").exists()


def test_special_files_of_a_root_end_a_job_at_once(tmp_path: Path) -> None:
    root = sysroot(tmp_path)
    library = Path(root) / "opt/lib/libown.so"
    library.unlink()
    os.mkfifo(library)
    argv = ["-t", "image.tar", "--root", root, "--build-tree", str(CHECKOUT)]
    ended = ocidiet(*argv, "-b", "=/bin/prog:/prog", cwd=tmp_path, timeout=10)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "is neither a file nor a directory: the loader stops here" in ended.stderr
    for path in ("/opt/lib/libown.so", "/opt"):
        ended = ocidiet(*argv, "-e", f"={path}:/x", cwd=tmp_path, timeout=10)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert "libown.so: is neither a file nor a directory" in ended.stderr
