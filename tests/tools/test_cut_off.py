"""A run that finds the image to be what it would write: what it does not do, and that it is never wrong."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support import CHECKOUT, PYTHON, clean_env, done, need, run
from tests.tools.test_faults import FINGERPRINT, NEW, Job

KEEP = ["--keep-mtime"]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """All made, by a run whose inputs had not just been written."""
    need("strace")
    job = Job(tmp_path)
    time.sleep(0.03)  # past the time in which a second change of a file could look like the first
    job.new = made(job)
    return job


def made(job: Job, *more: str) -> dict[str, bytes]:
    done([*job.argv, *more], job.home)
    return job.outputs()


def image(job: Job) -> tuple[int, int]:
    st = (job.out / "image.tar").stat()
    return st.st_ino, st.st_mtime_ns


def opened(job: Job, what: str) -> list[str]:
    """The system calls that open a file below `what`."""
    return [line for line in job.trace() if re.search(rf'open(at)?\(.*"{what}', line) and " = -1 " not in line]


# What it does not do -----------------------------------------------------------------------------


@pytest.mark.parametrize("options", [KEEP, []], ids=["keep-mtime", "bare"])
def test_cut_off_reads_no_payload_and_writes_no_image(job: Job, options: list[str]) -> None:
    job.argv += options
    before = image(job)
    ended = run(job.strace(), job.home)
    assert (ended.returncode, ended.stderr, job.state()) == (0, "", NEW)
    after = image(job)
    assert (after[0], after[1] == before[1]) == (before[0], bool(options))
    assert opened(job, "data") == []
    asked: dict[str, int] = {}
    for line in job.trace():
        read = re.match(r"\d+ +(?:p?readv?6?4?)\(\d+<(.*?)>.* = (\d+)$", line)
        if read:
            asked[read[1]] = asked.get(read[1], 0) + int(read[2])
    libraries = {path: count for path, count in asked.items() if "/lib" in path and ".so" in path}
    own = [path for path in libraries if path.endswith("/libc.so.6")]
    assert own
    # Headers, the dynamic section and its strings; the interpreter's own loader reads as much again.
    assert all(libraries[path] < os.path.getsize(path) // 4 for path in own)
    written = {
        line.partition(f"{job.out}/")[2].partition(">")[0] for line in job.trace() if re.match(r"\d+ +write\(", line)
    }
    assert {re.sub(r"\.[\d-]+\.ocidiet-tmp", "", name) for name in written} == (
        {".image.d"} if options else {".image.d", f".{FINGERPRINT}"}
    )


@pytest.mark.parametrize("options", [KEEP, []], ids=["keep-mtime", "bare"])
def test_cut_off_needs_the_same_request(job: Job, options: list[str]) -> None:
    """Run by run: the first of each request writes."""
    inodes = []
    for more in ([], ["--mtime", "1"], ["--mtime", "1"], []):
        made(job, *options, *more)
        inodes.append(image(job)[0])
    assert [one == other for one, other in pairwise(inodes)] == [False, True, False]


def test_cut_off_lists_the_image_all_the_same(job: Job) -> None:
    listing = done([*job.argv, "-v"], job.home)
    assert (listing, image(job)[0]) == (done([*job.argv, "-v"], job.home), image(job)[0])
    assert listing.splitlines()[-1].startswith("out/image.tar: ")


def test_a_stream_has_no_fingerprint(job: Job) -> None:
    with open(job.home / "stream", "wb") as stream:
        argv = [*job.argv[: job.argv.index("-t")], "-t", "-", "-e", "data:/data"]
        subprocess.run(argv, cwd=job.home, stdout=stream, check=True, env=clean_env())
    assert sorted(path.name for path in job.home.iterdir() if path.is_file()) == ["data", "stream"]


def test_a_searched_directorys_time_is_no_matter(job: Job) -> None:
    before = image(job)
    os.utime(job.home)
    made(job, *KEEP)
    assert image(job) == before


def test_cut_off_writes_nothing_into_a_read_only_directory(job: Job) -> None:
    need("unshare", root=True)
    argv = [word for word in job.argv if word not in ("--depfile", "out/image.d")]
    done(argv, job.home)
    bind = "mount --bind out out && mount -o remount,ro,bind out"
    script = f'{bind} && "$@" --keep-mtime; echo $?; "$@"; echo $?'
    ended = run(["unshare", "--mount", "sh", "-c", script, "sh", *argv], job.home)
    told = "ocidiet: error: out/image.tar: cannot be written: Read-only file system\n"
    assert (ended.stdout, ended.stderr) == ("0\n3\n", told)


def test_the_fingerprint_is_no_input_and_no_depfile(job: Job) -> None:
    place = f"out/{FINGERPRINT}"
    hint = "\n  hint: write it outside what -b and -e name"
    ended = run([*job.argv, place], job.home)
    assert (ended.returncode, ended.stderr) == (2, f"ocidiet: error: {place}: an output among the inputs{hint}\n")
    argv = [place if word == "out/image.d" else word for word in job.argv]
    ended = run(argv, job.home)
    told = f"ocidiet: error: {place}: is both the depfile and the image's fingerprint\n"
    assert (ended.returncode, ended.stderr) == (2, told)
    assert job.state() == NEW


# Faults ------------------------------------------------------------------------------------------


def calls(job: Job, what: str, kinds: str = r"\w+") -> list[str]:
    """The system calls of a run whose lines tell of `what`, as strace's `NAME:{}:when=N` wants them."""
    run(job.strace(), job.home)
    counts: dict[str, int] = {}
    found = []
    for line in job.trace():
        name = re.match(r"\d+ +(\w+)\(", line)
        if name is not None:
            counts[name[1]] = counts.get(name[1], 0) + 1
            if what in line and re.fullmatch(kinds, name[1]):
                found.append(f"{name[1]}:{{}}:when={counts[name[1]]}")
    return found


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_a_fingerprint_that_cannot_be_written_or_read_costs_a_full_run_alone(job: Job, error: str) -> None:
    """Of another request, so that the image is written; and of the same one, which would not write it."""
    outcomes = {}
    again = job.argv
    other = [*job.argv, "--mtime", "1"]
    done(other, job.home)
    others = job.outputs()
    for argv, expected in ((other, others), (again, job.new)):
        job.argv = again if argv is other else other
        done(job.argv, job.home)
        job.argv = argv
        for call in calls(job, FINGERPRINT):
            done(again if argv is other else other, job.home)
            ended = job.faulty(call.format(f"error={error}"))
            state = [name for name in job.outputs() if name not in expected]
            right = job.outputs() == expected
            following = [run(word, job.home).returncode for word in (argv, argv)]
            if (ended.returncode, ended.stderr, state, right, following) != (0, "", [], True, [0, 0]):
                outcomes[call] = (ended.returncode, ended.stderr, state, right, following)
            assert job.outputs() == expected
    assert outcomes == {}


@pytest.mark.parametrize("options", [KEEP, []], ids=["keep-mtime", "bare"])
def test_a_kill_never_leaves_a_fingerprint_that_lies(job: Job, options: list[str]) -> None:
    """Killed at each call on an output, from one request to another and within the same one; after that,
    whichever of the two is asked for is what one gets."""
    job.argv += options
    one, other = job.argv, [*job.argv, "--mtime", "1"]
    images = {}
    for argv in (other, one):
        done(argv, job.home)
        images[tuple(argv)] = job.outputs()["image.tar"]
    outcomes, count = {}, 0
    for killed in (other, one):
        job.argv = one
        done(one, job.home)
        job.argv = killed
        for call in calls(job, f"{job.out}/", "openat|write|rename|utimensat|unlink|flock|read"):
            done(one, job.home)
            ended = run(job.strace(call.format("signal=SIGKILL")), job.home)
            count += 1
            left = {name: data for name, data in job.outputs().items() if not name.endswith("-tmp")}
            whole = left["image.tar"] in images.values()
            got = []
            for argv in (one, one, other, one):
                done(argv, job.home)
                got.append(job.outputs()["image.tar"] == images[tuple(argv)])
            rest = sorted(path.name for path in job.out.iterdir())
            if (ended.returncode, whole, got, rest) != (
                -signal.SIGKILL,
                True,
                [True] * 4,
                ["image.d", "image.tar", FINGERPRINT],
            ):
                outcomes[call] = (ended.returncode, whole, got, rest)
    assert outcomes == {}
    assert count > 20


@pytest.mark.parametrize("options", [[*KEEP], [*KEEP, "--mtime", "7"]], ids=["writes no image", "writes one"])
def test_a_killed_runs_temporary_files_are_swept_by_the_next(job: Job, options: list[str]) -> None:
    stale = [".image.tar.99-0.ocidiet-tmp", f".{FINGERPRINT}.99-0.ocidiet-tmp", ".image.d.99-0.ocidiet-tmp"]
    for name in stale:
        (job.out / name).touch()
    before = image(job)
    made(job, *options)
    assert (image(job) == before) == (options == KEEP)
    assert sorted(path.name for path in job.out.iterdir()) == ["image.d", "image.tar", FINGERPRINT]


# Several at once ---------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [KEEP, []], ids=["keep-mtime", "bare"])
def test_runs_at_once_leave_a_whole_image_and_a_fingerprint_that_is_its_own(job: Job, options: list[str]) -> None:
    requests = [[*job.argv, *options, "--mtime", str(n)] for n in range(3)]
    images = []
    for argv in requests:
        done(argv, job.home)
        images.append(job.outputs()["image.tar"])
    for turn in range(3):
        runs = [requests[n % 3] for n in range(turn, turn + 6)]
        processes = [
            subprocess.Popen(argv, cwd=job.home, env=clean_env(), stderr=subprocess.PIPE, text=True) for argv in runs
        ]
        ends = [(process.communicate()[1], process.returncode) for process in processes]
        assert ends == [("", 0)] * len(runs)
        assert job.outputs()["image.tar"] in images
        assert sorted(path.name for path in job.out.iterdir()) == ["image.d", "image.tar", FINGERPRINT]
        for n in (turn % 3, (turn + 1) % 3):
            done(requests[n], job.home)
            assert job.outputs()["image.tar"] == images[n]


# Clocks ------------------------------------------------------------------------------------------

# On a file system whose clock stands for milliseconds (of later kernels ramfs is one): an input is
# written, packed, and written again in its place with its old mtime.
RACE = """\
import os, sys, time
sys.path.insert(0, sys.argv[1])
from ocidiet import cli
path, tar, same, wrong = "data", "x.tar", 0, 0
end = time.monotonic() + 20
n = 0
open(path, "w").close()
while time.monotonic() < end and (n < 200 or same < 5):
    n += 1
    states = []
    for text in (f"a{n:06}", f"b{n:06}"):
        with open(path, "r+") as file:
            file.write(text)
        if states:
            os.utime(path, ns=(states[0][0], states[0][0]))
        st = os.stat(path)
        states.append((st.st_mtime_ns, st.st_ctime_ns, st.st_size, st.st_ino))
        assert cli.main(["-t", tar, "-e", "data:/data", "--keep-mtime"]) == 0
        with open(tar) as image:
            wrong += text not in image.read()
    same += states[0] == states[1]
print(same > 0, wrong)
"""


def test_an_input_that_changes_again_within_the_clocks_tick_is_seen(tmp_path: Path) -> None:
    need("unshare", root=True)
    script = 'mount -t ramfs r . && cd "$PWD" && exec "$@"'
    ended = run(["unshare", "--mount", "sh", "-c", script, "sh", PYTHON, "-ISc", RACE, CHECKOUT], tmp_path)
    assert (ended.stdout, ended.stderr) == ("True 0\n", "")


def test_a_clock_behind_the_files_is_no_witness(job: Job) -> None:
    """Then no run can tell whether an input may still change unseen; it writes each time, and right."""
    need("faketime")
    (preload,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
    env = clean_env(LD_PRELOAD=str(preload), FAKETIME="-1d", NO_FAKE_STAT="1")
    inodes = []
    for _ in range(3):
        done(job.argv, job.home, env)
        inodes.append(image(job)[0])
        assert job.state() == NEW
    assert inodes[0] != inodes[1] != inodes[2]


# What stands there -------------------------------------------------------------------------------


def overwrite(path: Path) -> None:
    st = path.stat()
    path.write_bytes(bytes(st.st_size))
    os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))


def swap(path: Path) -> None:
    shutil.copy(path, path.with_name("copy"))
    os.replace(path.with_name("copy"), path)


@pytest.mark.parametrize(
    "act",
    [Path.unlink, overwrite, swap, os.utime, lambda path: os.truncate(path, 5000), lambda path: path.write_bytes(b"")],
    ids=["deleted", "overwritten", "swapped", "touched", "cut short", "emptied"],
)
@pytest.mark.parametrize("options", [KEEP, []], ids=["keep-mtime", "bare"])
def test_an_image_that_others_changed_is_made_again(
    job: Job, act: Callable[[Path], object], options: list[str]
) -> None:
    act(job.out / "image.tar")
    assert made(job, *options) == job.new
    before = image(job)[0]
    assert made(job, *options) == job.new
    assert image(job)[0] == before
