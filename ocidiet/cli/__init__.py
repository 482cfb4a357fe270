"""The command line: argv -> `Request`, the chain of rooms, errors -> exit codes.

The only room that prints, exits, reads the environment, or knows the others. `options` takes argv
apart, `pack` is the chain, `show` the verbs, `texts` what `--help` prints; this page is the process.
"""

from __future__ import annotations

import sys

from ocidiet import RESOLVING, __version__, hasten
from ocidiet.cli import options
from ocidiet.errors import OcidietError, OutputError, shown
from ocidiet.model import TYPE_CHECKING, HostPath
from ocidiet.system import os

if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Iterable, Sequence
    from types import FrameType

    from ocidiet.model import Notice
else:
    import _signal  # without the enum module, whose import is a third of Python's start

# As `RESOLVING`: what makes an image, and what verifies one.
_PACKING = "commit/output commit/state tar model/image tree/layout tree/ verify/ elf/versions cli/pack"
_VERIFYING = (
    "model/verdict model/image fs/archive fs/named fs/image fs/unpack fs/layout report/ report/verdict"
    " verify/ verify/image cli/verify"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run with the arguments `argv` (default: the process's own). Returns the exit code: 0 done,
    1 an input is at fault, 2 the command line, 3 the output, 70 a defect of ocidiet. A signal ends
    the process by that signal, after the clean-up."""
    code = 70
    try:
        _catch_signals()
        code = _main(sys.argv[1:] if argv is None else argv)
    except OcidietError as error:
        if os.getenv("LD_LIBRARY_PATH"):
            error.library_path_is_set()
        say(f"ocidiet: error: {error}")
        code = error.exit_code
    except _Ended:
        pass
    except BrokenPipeError:
        return _end_by(_signal.SIGPIPE)
    except Exception:
        import traceback

        say(f"ocidiet: internal error, please report it (ocidiet {__version__}):\n{traceback.format_exc()}")
    return _end_by(Signals.first) if Signals.first else code


def _main(argv: Sequence[str]) -> int:
    if len(argv) == 1 and argv[0].startswith("@") and len(argv[0]) > 1:
        from ocidiet.fs.declared import lines

        argv = lines(HostPath(argv[0][1:]))
    verb = argv[0] if argv and argv[0] in options.VERBS else ""
    given = options.parse(argv[1:] if verb else argv, verb)
    if not argv or not given.keys().isdisjoint(options.ASKING):
        hasten("cli/texts")
        from ocidiet.cli import texts

        if not argv:
            say(texts.USAGE.rstrip())
            return 2
        write(texts.asked(given, verb))
    elif verb == "verify":
        hasten(f"{RESOLVING} {_VERIFYING}")
        from ocidiet.cli import verify

        return verify.verify(given, _cwd())
    elif verb == "index":
        from ocidiet.cli import index

        index.index(given, _cwd())
    elif verb:
        hasten(f"{RESOLVING} cli/show")
        from ocidiet.cli import show

        show.show(verb, given, _cwd())
    else:
        hasten(f"{RESOLVING} {_PACKING}{' depfile' if '--depfile' in given else ''}")
        from ocidiet.cli import pack

        pack.pack(options.request(given, _cwd()))
    return 0


def _cwd() -> str:
    try:
        return os.getcwd()
    except OSError as error:
        raise OcidietError(f".: the working directory: {error.strerror}") from error


# The process -------------------------------------------------------------------------------------


class _Ended(BaseException):
    pass


class Signals:
    """The first signal that asks the process to end; the clean-up that it starts takes no second."""

    first = 0
    held = False


def _catch_signals() -> None:
    """Let SIGINT, SIGTERM and SIGHUP unwind, so that no temporary file stays; an ignored one stays ignored."""

    def end(signum: int, _frame: FrameType | None) -> None:
        if not Signals.first:
            Signals.first = signum
            if not Signals.held:
                raise _Ended

    Signals.first, Signals.held = 0, False
    for signum in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP):
        if _signal.getsignal(signum) in (_signal.SIG_DFL, _signal.default_int_handler):
            _signal.signal(signum, end)


def _end_by(signum: int) -> int:
    _signal.signal(signum, _signal.SIG_DFL)
    os.kill(os.getpid(), signum)
    return 128 + signum


def write(text: str, fd: int = 1) -> None:
    """All of `text` to an open file. Raises `OutputError`."""
    from ocidiet.commit import Stream

    Stream(fd, "standard output" if fd == 1 else "standard error").write(os.fsencode(text))


def say(text: str) -> None:
    """A line or more on standard error."""
    try:
        write(text + "\n", 2)
    except (OSError, OutputError):
        pass  # nobody is left to tell


def tell(notices: Iterable[Notice], verbose: bool) -> None:
    """What a user should hear of a run that succeeds."""
    for notice in notices:
        if notice.warning or verbose:
            say(f"ocidiet: {'warning' if notice.warning else 'note'}: {shown(notice.text)}")
