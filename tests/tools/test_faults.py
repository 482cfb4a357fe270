"""Whatever fails, the previous outputs stand untouched and no temporary file stays (DESIGN.md, "Failure").

Errors and signals come from strace's fault injection, at system calls that are counted first.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support import CHECKOUT, MAIN, PYTHON, cc, clean_env, done, library, need, run

TOOL = [PYTHON, "-ISB", str(MAIN)]
OUTPUTS = ["-t", "out/image.tar", "--depfile", "out/image.d"]
PREVIOUS = {"image.d": b"previous depfile\n", "image.tar": b"previous image\n"}
FINGERPRINT = "image.tar.state"
WRITE_BYTES = 1 << 17  # of the tool's whole buffers for an image of this size

OLD = {"image.d": "previous", "image.tar": "previous"}
HALF = {"image.d": "new", "image.tar": "previous"}
NEW = {"image.d": "new", "image.tar": "new"}


class Job:
    """A request in a directory of its own, whose outputs exist already."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.out = home / "out"
        self.data = home / "data"
        self.data.write_bytes(bytes(range(256)) * (3 * WRITE_BYTES // 256))
        self.argv = [*TOOL, *OUTPUTS, "-b", "/bin/true:/true", "-e", "data:/data"]
        self.reset()
        done(self.argv, home)
        self.new = self.outputs()
        self.reset()

    def reset(self) -> None:
        """The outputs as they were before."""
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir()
        for name, content in PREVIOUS.items():
            (self.out / name).write_bytes(content)

    def outputs(self) -> dict[str, bytes]:
        """Everything in the outputs' directory but the fingerprint, which is another for each run."""
        paths = [path for path in sorted(self.out.iterdir()) if path.name != FINGERPRINT]
        return {path.name: path.read_bytes() for path in paths}

    def state(self) -> dict[str, str]:
        """The same, each as `previous`, `new`, or `neither`."""
        known = dict.fromkeys(PREVIOUS.values(), "previous")
        known.update((content, "new") for content in self.new.values())
        return {name: known.get(content, "neither") for name, content in self.outputs().items()}

    def strace(self, *injected: str) -> list[str]:
        """The command under strace; every system call goes to the file `trace`."""
        options = [word for fault in injected for word in ("-e", f"inject={fault}")]
        return ["strace", "-f", "-qq", "-y", "-o", f"{self.home}/trace", *options, *self.argv]

    def trace(self) -> list[str]:
        """The trace's lines."""
        return (self.home / "trace").read_text(errors="replace").splitlines()

    def faulty(self, *injected: str) -> subprocess.CompletedProcess[str]:
        """Run with faults, each of which must have taken place on an output."""
        ended = run(self.strace(*injected), self.home)
        trace = self.trace()
        hit = [line for line in trace if "(INJECTED)" in line]
        # A signal's own line stands below that of its call.
        hit += [call for call, line in pairwise(trace) if "--- SIG" in line and "si_pid" not in line]
        assert [f"{self.out}/" in line for line in hit] == [True] * len(injected), trace[-20:]
        return ended

    def calls(self, *injected: str) -> list[str]:
        """The system calls on outputs, as strace's `NAME:...:when=N` wants them; with faults, those behind them."""
        run(self.strace(*injected), self.home)
        counts: Counter[str] = Counter()
        found: list[str] = []
        faulted = False
        for line in self.trace():
            name = re.match(r"\d+ +(\w+)\(", line)
            if name is not None:
                counts[name[1]] += 1
                if f"{self.out}/" in line:
                    found.append(f"{name[1]}:{{}}:when={counts[name[1]]}")
            if injected and not faulted and ("(INJECTED)" in line or "--- SIG" in line):
                found, faulted = [], True
        self.reset()
        return found


@pytest.fixture
def job(tmp_path: Path) -> Job:
    need("strace")
    return Job(tmp_path)


# Errors and signals at every system call -----------------------------------------------------------


def test_a_failed_call_on_an_output_ends_with_3(job: Job) -> None:
    outcomes = {}
    for call in job.calls():
        ended = job.faulty(call.format("error=EIO"))
        told = "ocidiet: error: out/image." in ended.stderr and "Traceback" not in ended.stderr
        state = job.state()
        # Some calls only look; without their answer the run can do as well.
        good = (ended.returncode, told) == (3, True) and state in (OLD, HALF)
        if not good and (ended.returncode, ended.stderr, state) != (0, "", NEW):
            outcomes[call] = (ended.returncode, ended.stderr, state)
        job.reset()
    assert outcomes == {}


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda signum: signum.name)
def test_a_signal_at_a_call_on_an_output_ends_the_process(job: Job, signum: signal.Signals) -> None:
    outcomes = {}
    for call in job.calls():
        ended = job.faulty(call.format(f"signal={signum.name}"))
        state = job.state()
        if (ended.returncode, ended.stderr) != (-signum, "") or state not in (OLD, HALF, NEW):
            outcomes[call] = (ended.returncode, ended.stderr, state)
        job.reset()
    assert outcomes == {}


def test_a_kill_at_a_call_on_an_output_leaves_each_whole_and_the_next_run_cleans_up(job: Job) -> None:
    outcomes, left = {}, 0
    for call in job.calls():
        ended = run(job.strace(call.format("signal=SIGKILL")), job.home)
        killed = {name: what for name, what in job.state().items() if not name.endswith("-tmp")}
        left += len(job.outputs()) - len(killed)
        again = run(job.argv, job.home)
        state = job.state()
        if (
            ended.returncode != -signal.SIGKILL
            or killed not in (OLD, HALF, NEW)
            or (again.returncode, state) != (0, NEW)
        ):
            outcomes[call] = (ended.returncode, killed, again.returncode, state)
        job.reset()
    assert outcomes == {}
    assert left > 0


@pytest.mark.parametrize(
    ("first", "codes"),
    [("write:signal=SIGTERM:when=2", (-15, -1)), ("write:error=ENOSPC:when=2", (3, -1))],
    ids=["signal", "full-disk"],
)
def test_a_signal_during_the_clean_up_does_not_end_it(job: Job, first: str, codes: tuple[int, int]) -> None:
    outcomes = {}
    calls = job.calls(first)
    assert calls != []
    for call in calls:
        ended = job.faulty(first, call.format("signal=SIGHUP"))
        if ended.returncode not in codes or "Traceback" in ended.stderr or job.state() != OLD:
            outcomes[call] = (ended.returncode, ended.stderr, job.state())
        job.reset()
    assert outcomes == {}


def test_a_signal_that_the_caller_ignores_stays_ignored(job: Job) -> None:
    need("sh")
    ended = run(["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *job.strace("write:signal=SIGHUP:when=2")], job.home)
    assert (ended.returncode, ended.stderr, job.state()) == (0, "", NEW)
    assert any("--- SIGHUP" in line or "INJECTED" in line for line in job.trace())


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("write:error=ENOSPC:when=1", "out/image.d: cannot be written: No space left on device"),
        ("write:error=ENOSPC:when=2", "out/image.tar: cannot be written: No space left on device"),
        ("write:error=EDQUOT:when=3", "out/image.tar: cannot be written: Disk quota exceeded"),
        ("write:error=EIO:when=4", "out/image.tar: cannot be written: Input/output error"),
        ("rename:error=EROFS:when=1", "out/image.d: cannot be written: Read-only file system"),
    ],
)
def test_a_failed_output_is_told_in_one_line(job: Job, fault: str, told: str) -> None:
    ended = job.faulty(fault)
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "", f"ocidiet: error: {told}\n")
    assert job.outputs() == PREVIOUS


def test_a_disk_that_turns_read_only_is_told_in_one_line(job: Job) -> None:
    # Then not even the temporary file can be taken away.
    ended = job.faulty("rename:error=EROFS:when=1", "unlink:error=EROFS:when=1")
    told = "ocidiet: error: out/image.d: cannot be written: Read-only file system\n"
    assert (ended.returncode, ended.stderr) == (3, told)
    assert {name: job.outputs()[name] for name in PREVIOUS} == PREVIOUS


# Full disks and closed descriptors -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prepare", "restrict", "told"),
    [
        ("mount -t tmpfs -o size=64k t out", ":", "image.tar: cannot be written: No space left on device"),
        ("mount -t tmpfs -o nr_inodes=3 t out", ":", "image.d: cannot be written: No space left on device"),
        ("mount -t tmpfs t out", "mount -o remount,ro out", "image.d: cannot be written: Read-only file system"),
        (":", "ulimit -f 2000", "image.tar: cannot be written: File too large"),
    ],
    ids=["full", "no-inodes", "read-only", "file-size-limit"],
)
def test_no_room_leaves_the_previous_outputs(job: Job, prepare: str, restrict: str, told: str) -> None:
    need("unshare", root=True)
    script = f"""set -e; {prepare}; echo previous depfile >out/image.d; echo previous image >out/image.tar
        ({restrict}; exec "$@") && code=0 || code=$?; ls -A out; cat out/*; exit $code"""
    ended = run(["unshare", "--mount", "sh", "-c", script, "sh", *job.argv], job.home)
    stands = "image.d\nimage.tar\nprevious depfile\nprevious image\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, stands, f"ocidiet: error: out/{told}\n")


BAD_STDOUT = "ocidiet: error: standard output: cannot be written: Bad file descriptor\n"


@pytest.mark.parametrize(
    ("closed", "more", "code", "state", "stderr"),
    [
        ("", [], 0, NEW, ""),
        (">&-", [], 0, NEW, ""),
        ("<&- >&- 2>&-", [], 0, NEW, ""),
        (">&-", ["-v"], 3, OLD, BAD_STDOUT),
        ("<&- >&-", ["-v"], 3, OLD, BAD_STDOUT),
        ("<&- >&- 2>&-", ["-v"], 3, OLD, ""),
        ("<&- >&- 2>&-", ["-b", "missing"], 1, OLD, ""),
    ],
    ids=["none", "stdout", "all", "stdout-listing", "stdin-stdout-listing", "all-listing", "all-error"],
)
def test_a_closed_descriptor_is_no_output(
    job: Job, closed: str, more: list[str], code: int, state: dict[str, str], stderr: str
) -> None:
    ended = run(["sh", "-c", f'exec "$@" {closed}', "sh", *job.argv, *more], job.home)
    assert (ended.returncode, job.state(), ended.stderr) == (code, state, stderr)


def test_a_full_standard_output_ends_with_3(job: Job) -> None:
    need("mknod", root=True)
    done(["mknod", job.home / "full", "c", "1", "7"])
    ended = run(["sh", "-c", 'exec "$@" >full', "sh", *job.argv, "-v"], job.home)
    told = "ocidiet: error: standard output: cannot be written: No space left on device\n"
    assert (ended.returncode, job.outputs(), ended.stderr) == (3, PREVIOUS, told)


@pytest.mark.parametrize("args", [["-v"], ["-t", "-"]], ids=["listing", "image"])
def test_a_reader_that_has_gone_ends_the_process_quietly(job: Job, args: list[str]) -> None:
    argv = [*job.argv, *args] if args == ["-v"] else [*TOOL, *args, "-e", "data:/data"]
    reading, writing = os.pipe()
    with subprocess.Popen(argv, cwd=job.home, env=clean_env(), stdout=writing, stderr=subprocess.PIPE) as process:
        os.close(writing)
        if args != ["-v"]:
            os.read(reading, 1)
        os.close(reading)
        _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr, job.outputs()) == (-signal.SIGPIPE, b"", PREVIOUS)


# Inputs that change, and other runs, while the process stands still ----------------------------------


def while_stopped(job: Job, call: str, act: Callable[[], None]) -> subprocess.CompletedProcess[str]:
    """Run the job; stop it behind `call`, do `act`, let it go on."""
    argv = job.strace(call.format("signal=SIGSTOP"))
    trace = job.home / "trace"
    trace.write_text("")
    process = subprocess.Popen(
        argv, cwd=job.home, env=clean_env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    stopped = None
    while stopped is None and process.poll() is None:
        time.sleep(0.01)
        stopped = re.search(r"^(\d+) +--- stopped by SIGSTOP", trace.read_text(errors="replace"), re.M)
    assert stopped, f"never at {call}: {process.communicate()}"
    pid = int(stopped[1])
    try:
        act()
        os.kill(pid, signal.SIGCONT)
        stdout, stderr = process.communicate(timeout=30)
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        process.communicate()
        raise
    return subprocess.CompletedProcess(argv, process.returncode, stdout, stderr)


def rewrite(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def rewrite_keeping_mtime(path: Path) -> None:
    before = path.stat()
    rewrite(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def truncate(path: Path) -> None:
    os.truncate(path, 1000)


def grow(path: Path) -> None:
    with open(path, "ab") as file:
        file.write(b"more")


def replace(path: Path) -> None:
    shutil.copy(path, f"{path}.new")
    os.replace(f"{path}.new", path)


@pytest.mark.parametrize("change", [rewrite, rewrite_keeping_mtime, truncate, grow, replace, Path.unlink])
@pytest.mark.parametrize("moment", ["before-it-is-read", "while-it-is-read", "after-it-was-read"])
def test_an_input_that_changes_meanwhile_is_named(job: Job, moment: str, change: Callable[[Path], None]) -> None:
    last = 1 + -(-len(job.new["image.tar"]) // WRITE_BYTES)
    when = {"before-it-is-read": 1, "while-it-is-read": 2, "after-it-was-read": last}[moment]
    ended = while_stopped(job, f"write:{{}}:when={when}", lambda: change(job.data))
    what = "changed while the image was made"
    if (moment, change) == ("while-it-is-read", truncate):
        what = "became shorter while it was read"
    hint = "nothing was published; run again when the build that writes it has ended"
    told = f"ocidiet: error: {job.data}: {what}\n  hint: {hint}\n"
    assert (ended.returncode, ended.stderr, job.outputs()) == (1, told, PREVIOUS)


def test_a_library_that_appears_in_an_earlier_place_is_named(job: Job) -> None:
    made = library(job.home / "second" / "libown.so")
    uses = "int f(void); int main(void) { return f(); }\n"
    cc(job.home / "uses", uses, made, "-Wl,-rpath,$ORIGIN/first:$ORIGIN/second")
    (job.home / "first").mkdir()
    job.argv += ["-b", "uses:/uses"]
    shutil.copy(made, job.home / "new")
    ended = while_stopped(job, "write:{}:when=2", lambda: os.replace(job.home / "new", job.home / "first" / made.name))
    told = f"ocidiet: error: {job.home}/first/libown.so: appeared while the image was made"
    assert (ended.returncode, ended.stderr.splitlines()[0], job.outputs()) == (1, told, PREVIOUS)


def test_a_link_that_turns_elsewhere_is_named(job: Job) -> None:
    (job.home / "link").symlink_to("data")
    (job.home / "new").symlink_to("/bin/true")
    job.argv += ["-e", "link:/other"]
    ended = while_stopped(job, "write:{}:when=2", lambda: os.replace(job.home / "new", job.home / "link"))
    told = f"ocidiet: error: {job.home}/link: changed while the image was made"
    assert (ended.returncode, ended.stderr.splitlines()[0], job.outputs()) == (1, told, PREVIOUS)


def test_a_directory_that_gains_a_file_is_named(job: Job) -> None:
    (job.home / "tree").mkdir()
    job.argv += ["-e", "tree:/tree"]
    ended = while_stopped(job, "write:{}:when=2", (job.home / "tree" / "late").touch)
    told = f"ocidiet: error: {job.home}/tree: changed while the image was made"
    assert (ended.returncode, ended.stderr.splitlines()[0], job.outputs()) == (1, told, PREVIOUS)


def test_two_runs_on_one_output_leave_each_result_whole(job: Job) -> None:
    """Wherever one run stands still on its outputs, another comes through, and then the first does."""
    other = [*job.argv, "--mtime", "1"]
    done(other, job.home)
    others = job.outputs()
    job.reset()
    seen = []

    def second_run() -> None:
        done(other, job.home)
        seen.append({name: job.outputs().get(name) for name in PREVIOUS} == others)

    outcomes = {}
    for call in job.calls():
        ended = while_stopped(job, call, second_run)
        # Behind its last rename the first run has nothing left to publish.
        if (ended.returncode, ended.stderr) != (0, "") or job.outputs() not in (job.new, others):
            outcomes[call] = (ended.returncode, ended.stderr, job.state())
        job.reset()
    assert outcomes == {}
    assert seen == [True] * len(seen)
    assert len(seen) > 10


# What each error says --------------------------------------------------------------------------------

ELF_HINT = "\n  hint: -b takes programs; name other files with -e"
GONE = "ocidiet: error: .: the working directory: No such file or directory"
CONTROL = "new\nline\x1b[31m"
DEPFILE_HINT = "\n  hint: rename it, or leave out --depfile and let the build file name the inputs"
NODE_HINT = "\n  hint: -t - writes to standard output"
TREE_HINT = "\n  hint: an image holds files, directories and links: name what you want of this directory"
ERRORS = {
    "not-elf": (1, [*OUTPUTS, "-b", "text"], f"text: not an ELF file{ELF_HINT}"),
    "empty": (1, [*OUTPUTS, "-b", "empty"], "empty: empty file"),
    "truncated": (1, [*OUTPUTS, "-b", "short"], "short: truncated ELF header (e_ident at offset 0x0)"),
    "no-headers": (1, [*OUTPUTS, "-b", "head"], "head: program headers outside the file (e_phoff at offset 0x20)"),
    "missing": (1, [*OUTPUTS, "-b", "no"], "no: no such file"),
    "missing-directory": (1, [*OUTPUTS, "-b", "no/no"], "no/no: no such directory"),
    "missing-extra": (1, [*OUTPUTS, "-e", "no"], "no: no such file"),
    "missing-extra-with-dest": (1, [*OUTPUTS, "-e", "no:/there"], "no: no such file"),
    "directory": (1, [*OUTPUTS, "-b", "tree"], "tree: is a directory"),
    "fifo": (1, [*OUTPUTS, "-b", "fifo"], "fifo: is neither a file nor a directory"),
    "socket": (1, [*OUTPUTS, "-b", "socket"], "socket: is neither a file nor a directory"),
    "extra-fifo": (1, [*OUTPUTS, "-e", "fifo"], "fifo: is neither a file nor a directory"),
    "fifo-in-tree": (1, [*OUTPUTS, "-e", "tree"], f"HOME/tree/fifo: is neither a file nor a directory{TREE_HINT}"),
    "link-loop": (1, [*OUTPUTS, "-b", "loop"], "loop: too many levels of symbolic links"),
    "dangling-link": (1, [*OUTPUTS, "-b", "dangling"], "dangling: no such file"),
    "control-characters": (1, [*OUTPUTS, "-b", CONTROL], "new\\x0aline\\x1b[31m: no such file"),
    "depfile-cannot-name": (
        1,
        [*OUTPUTS, "-e", "semi;colon:/x"],
        f"semi;colon: a depfile cannot carry this name: ';' has a meaning of its own to Make or Ninja{DEPFILE_HINT}",
    ),
    "no-output-directory": (
        3,
        ["-t", "no/image.tar", "-e", "text"],
        "no/image.tar: cannot be written: No such file or directory",
    ),
    "output-below-a-file": (
        3,
        ["-t", "text/image.tar", "-e", "empty"],
        "text/image.tar: cannot be written: Not a directory",
    ),
    "output-as-directory": (3, ["-t", "out/new/", "-e", "text"], "out/new/: cannot be written: Is a directory"),
    "output-is-directory": (3, ["-t", "tree", "-e", "text"], f"tree: exists and is not a regular file{NODE_HINT}"),
    "output-is-fifo": (3, ["-t", "fifo", "-e", "text"], f"fifo: exists and is not a regular file{NODE_HINT}"),
    "output-links-to-fifo": (
        3,
        ["-t", "to-fifo", "-e", "text"],
        f"to-fifo: exists and is not a regular file{NODE_HINT}",
    ),
    "no-depfile-directory": (
        3,
        ["-t", "out/image.tar", "--depfile", "no/image.d", "-e", "text"],
        "no/image.d: cannot be written: No such file or directory",
    ),
    "depfile-is-fifo": (
        3,
        ["-t", "out/image.tar", "--depfile", "fifo", "-e", "text"],
        f"fifo: exists and is not a regular file{NODE_HINT}",
    ),
    "output-is-depfile": (
        2,
        ["-t", "out/image.tar", "--depfile", "out/../out/image.tar", "-e", "text"],
        "out/image.tar: is both the image and the depfile",
    ),
    "output-is-input": (
        2,
        ["-t", "text", "-e", "text"],
        "text: an output among the inputs\n  hint: write it outside what -b and -e name",
    ),
}


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A directory of files of every kind, and of previous outputs."""
    (tmp_path / "out").mkdir()
    for name, content in PREVIOUS.items():
        (tmp_path / "out" / name).write_bytes(content)
    elf = Path("/bin/true").read_bytes()
    files = {"text": b"text\n", "empty": b"", "short": elf[:40], "head": elf[:100], "semi;colon": b"text\n"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "tree").mkdir()
    os.mkfifo(tmp_path / "tree" / "fifo")
    os.mkfifo(tmp_path / "fifo")
    for link, target in {"loop": "loop", "dangling": "no", "to-fifo": "fifo"}.items():
        (tmp_path / link).symlink_to(target)
    done([PYTHON, "-c", "import socket; socket.socket(socket.AF_UNIX).bind('socket')"], tmp_path)
    return tmp_path


def everything(home: Path) -> dict[str, tuple[int, int, bytes]]:
    """Each name below `home` with its kind, its inode and, for a file, its bytes."""
    return {
        path.relative_to(home).as_posix(): (
            st.st_mode,
            st.st_ino,
            path.read_bytes() if stat.S_ISREG(st.st_mode) else b"",
        )
        for path in sorted(home.rglob("*"))
        for st in [path.lstat()]
    }


@pytest.mark.parametrize(("code", "args", "told"), ERRORS.values(), ids=ERRORS.keys())
def test_an_error_says_path_and_what_and_changes_nothing(odd: Path, code: int, args: list[str], told: str) -> None:
    before = everything(odd)
    ended = run([*TOOL, *args], odd, timeout=30)
    text = f"ocidiet: error: {told}\n".replace("HOME/", f"{odd}/")
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, "", text)
    assert everything(odd) == before


@pytest.mark.parametrize("option", ["-t", "--depfile", "-b"])
def test_a_device_is_refused_and_stays(odd: Path, option: str) -> None:
    need("mknod", root=True)
    done(["mknod", odd / "node", "c", "1", "3"])
    before = everything(odd)
    outputs = ["-e", "text", "-t", "out/image.tar"] if option != "-t" else ["-e", "text"]
    ended = run([*TOOL, *outputs, option, "node"], odd, timeout=30)
    refused = (3, f"ocidiet: error: node: exists and is not a regular file{NODE_HINT}\n")
    if option == "-b":
        refused = (1, "ocidiet: error: node: is neither a file nor a directory\n")
    assert (ended.returncode, ended.stderr) == refused
    assert everything(odd) == before


def test_a_working_directory_that_is_gone_is_told(odd: Path) -> None:
    script = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"'
    ended = run(["sh", "-c", script, "sh", *TOOL, "-t", f"{odd}/out/image.tar", "-b", "/bin/true"], odd)
    assert (ended.returncode, ended.stderr.partition("\n")[0]) == (1, GONE)


@pytest.fixture
def shared() -> Iterator[Path]:
    """A directory that every user may enter, with a copy of the tool that every user may read."""
    with tempfile.TemporaryDirectory(prefix="ocidiet-test-") as name:
        shutil.copytree(CHECKOUT / "ocidiet", Path(name) / "ocidiet", ignore=shutil.ignore_patterns("__pycache__"))
        done(["chmod", "-R", "u=rwX,go=rX", name])
        yield Path(name)


UNREADABLE = {
    "program": (1, ["-t", "out/image.tar", "-b", "secret"], "HOME/secret: cannot be read: Permission denied"),
    "extra": (1, ["-t", "out/image.tar", "-e", "secret"], "HOME/secret: cannot be read: Permission denied"),
    "below-a-closed-directory": (
        1,
        ["-t", "out/image.tar", "-b", "closed/file"],
        "closed/file: permission denied",
    ),
    "closed-tree": (1, ["-t", "out/image.tar", "-e", "closed"], "HOME/closed: cannot be listed: Permission denied"),
    "closed-output": (
        3,
        ["-t", "closed/image.tar", "-b", "/bin/true"],
        "closed/image.tar: cannot be written: Permission denied",
    ),
    "output-directory": (3, ["-t", "image.tar", "-b", "/bin/true"], "image.tar: cannot be written: Permission denied"),
}


@pytest.mark.parametrize(("code", "args", "told"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_a_user_may_not_read_or_write_is_named(shared: Path, code: int, args: list[str], told: str) -> None:
    need("setpriv", root=True)
    (shared / "secret").write_bytes(Path("/bin/true").read_bytes())
    (shared / "secret").chmod(0o600)
    (shared / "closed").mkdir(mode=0o700)
    (shared / "closed" / "file").write_text("text\n")
    (shared / "out").mkdir()
    (shared / "out").chmod(0o777)
    before = everything(shared)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]
    tool = [os.path.realpath(PYTHON), "-ISB", str(shared / "ocidiet" / "__main__.py")]
    ended = run([*nobody, *tool, *args], shared)
    text = f"ocidiet: error: {told}\n".replace("HOME/", f"{shared}/")
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, "", text)
    assert everything(shared) == before


MISSING = """\
ocidiet: error: build/first, build/second: 3 libraries not found
  libgone.so, needed by build/first
    RUNPATH HOME/build/lib/libgone.so no such file
    RUNPATH HOME/sysroot/opt/own/libgone.so no such directory
    cache HOME/sysroot/etc/ld.so.cache no entry
    default HOME/sysroot/lib/TRIPLET/libgone.so no such file
    default HOME/sysroot/usr/lib/TRIPLET/libgone.so no such file
    default HOME/sysroot/lib/libgone.so no such file
    default HOME/sysroot/usr/lib/libgone.so no such file
  libdeep.so, needed by HOME/build/lib/libhere.so
    cache HOME/sysroot/etc/ld.so.cache no entry
    default HOME/sysroot/lib/TRIPLET/libdeep.so no such file
    default HOME/sysroot/usr/lib/TRIPLET/libdeep.so no such file
    default HOME/sysroot/lib/libdeep.so no such file
    default HOME/sysroot/usr/lib/libdeep.so no such file
  libgone.so, needed by build/second
    RUNPATH HOME/build/other/libgone.so not an ELF file: the loader stops here
  hint: is one of these directories the build's? then name its tree with --build-tree
"""


def test_all_missing_libraries_are_told_at_once_with_every_place_in_order(odd: Path) -> None:
    need("patchelf")
    build, root = odd / "build", odd / "sysroot"
    gone = library(build / "lib" / "libgone.so", "int gone(void) { return 0; }\n")
    deep = library(build / "lib" / "libdeep.so", "int deep(void) { return 0; }\n")
    here = library(build / "lib" / "libhere.so", "int deep(void); int here(void) { return deep(); }\n", deep)
    both = "int gone(void), here(void); int main(void) { return gone() + here(); }\n"
    no_check = "-Wl,--allow-shlib-undefined"
    first = cc(build / "first", both, gone, here, no_check, "-Wl,-rpath,$ORIGIN/lib:/opt/own")
    cc(build / "second", "int gone(void); int main(void) { return gone(); }\n", gone, "-Wl,-rpath,$ORIGIN/other")
    for library_file in (gone, deep):
        library_file.unlink()
    (build / "other").mkdir()
    (build / "other" / "libgone.so").write_text("INPUT(-lgone)\n")
    triplet = done(["cc", "-print-multiarch"]).strip()
    for name in (done(["patchelf", "--print-interpreter", first]).strip(), f"/lib/{triplet}/libc.so.6"):
        (root / name[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(name, root / name[1:])
    (root / "usr" / "lib" / triplet).mkdir(parents=True)
    before = everything(odd)
    ended = run([*TOOL, *OUTPUTS, "--root", "sysroot", "-b", "build/first:/first", "build/second:/second"], odd)
    # The columns are as wide as the paths, which no test knows before.
    told = re.sub(r"(?<=\S) +", " ", ended.stderr).replace(f"{odd}/", "HOME/").replace(f"/{triplet}/", "/TRIPLET/")
    assert (ended.returncode, ended.stdout, told) == (1, "", MISSING)
    assert everything(odd) == before
