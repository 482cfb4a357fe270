"""The command line: argv -> `Request`, the chain of rooms, errors -> exit codes.

The only room that prints, exits, reads the environment, or knows the others. The parser is by hand:
argparse's import costs as much as Python's own start, on every run of every build.
"""

from __future__ import annotations

import os
import sys
import time

from ocidiet import __version__
from ocidiet.errors import OcidietError, OutputError, UsageError, shown
from ocidiet.model import TYPE_CHECKING, HostPath, ImagePath, Request, Search, Source, below

if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Sequence
    from types import FrameType

    from ocidiet import commit, fs
else:
    import _signal  # without the enum module, whose import is a third of Python's start

USAGE = """\
usage: ocidiet -t IMAGE.tar -b PROGRAM[:DEST]... [-e FILE[:DEST]...] [option...]
writes a tar of the programs and of every file that they need to run
  ocidiet -t hello.tar -b hello:/usr/local/bin/hello
  docker import --change 'ENTRYPOINT ["/usr/local/bin/hello"]' hello.tar hello
more: ocidiet --help
"""

HELP = """\
usage: ocidiet -t IMAGE.tar -b PROGRAM[:DEST]... [-e FILE[:DEST]...] [option...]
Writes a tar of the programs and every file they need to run. Runs none of them.
  -t, --tar FILE             the output, replaced whole; - is standard output
  -b, --binary SRC[:DEST]... programs, with the libraries and loaders they need
  -e, --extra SRC[:DEST]...  more: files, directories (whole trees), links
SRC keeps its absolute path in the image, unless :DEST, absolute, says where.
=SRC is a path inside --root. A name that holds ':/' is spelled with '\\:/', one
that starts with '=' or '-' with './' before it.
      --root DIR             where libraries come from: a sysroot (default /)
      --build-tree DIR       its libraries do not carry its path into the image
                             (default: the current directory)
      --mtime N              the time of all entries, in seconds (default 0)
      --depfile FILE         also write what was read, as a Makefile rule
      --depfile-target NAME  that rule's target (default: FILE as -t spells it)
      --depfile-style STYLE  gcc (default; Make, Ninja, CMake, Meson) or make
      --keep-mtime           leave an image of unchanged content untouched
  -v, --verbose              list the entries: path, size, reason
      --makefile             print the path of ocidiet.mk, to include it in Make
      --version, --help
Exit status: 0 done, 1 an input is at fault, 2 the command line, 3 the output.
Example: ocidiet -t app.tar -b build/app:/usr/bin/app -e app.conf:/etc/app.conf
"""

_VALUES = {"-t": "--tar", "-b": "--binary", "-e": "--extra", "-v": "--verbose", "-h": "--help"}
_MANY = ("--binary", "--extra")
_ONE = ("--tar", "--root", "--build-tree", "--mtime", "--depfile", "--depfile-target", "--depfile-style")
_FLAGS = ("--verbose", "--keep-mtime", "--help", "--version", "--makefile")


def main(argv: Sequence[str] | None = None) -> int:
    """Run with the arguments `argv` (default: the process's own). Returns the exit code: 0 done,
    1 an input is at fault, 2 the command line, 3 the output, 70 a defect of ocidiet. A signal ends
    the process by that signal, after the clean-up."""
    code = 70
    try:
        _catch_signals()
        code = _main(sys.argv[1:] if argv is None else argv)
    except OcidietError as error:
        _say(f"ocidiet: error: {error}")
        code = error.exit_code
    except _Ended:
        pass
    except BrokenPipeError:
        return _end_by(_signal.SIGPIPE)
    except Exception:
        import traceback

        _say(f"ocidiet: internal error, please report it (ocidiet {__version__}):\n{traceback.format_exc()}")
    return _end_by(_Signals.first) if _Signals.first else code


def _main(argv: Sequence[str]) -> int:
    options = parse(argv)
    if "--help" in options:
        _print(HELP)
    elif "--version" in options:
        _print(f"ocidiet {__version__}\n")
    elif "--makefile" in options:
        _print(_makefile() + "\n")
    elif not argv:
        _say(USAGE.rstrip())
        return 2
    else:
        pack(request(options, _cwd()))
    return 0


def _cwd() -> str:
    try:
        return os.getcwd()
    except OSError as error:
        raise OcidietError(f".: the working directory: {error.strerror}") from error


# argv -> Request ---------------------------------------------------------------------------------


def parse(argv: Sequence[str]) -> dict[str, list[str]]:
    """Option -> its values, in order. `-b` and `-e` take every word up to the next option.

    Raises `UsageError`.
    """
    options: dict[str, list[str]] = {}
    words = iter(argv)
    many = ""
    for word in words:
        if not word.startswith("-") or word == "-":
            if not many:
                raise UsageError(f"{shown(word)}: belongs to no option", hint="programs follow -b, other files -e")
            options[many].append(word)
            continue
        if word.startswith("--"):
            name, equals, value = word.partition("=")
        else:
            name, value = word[:2], word[2:]
            equals = value
        name, many = _VALUES.get(name, name), ""
        if name in _FLAGS:
            options.setdefault(name, [])
            if equals:
                if word.startswith("--"):
                    raise UsageError(f"{shown(word)}: {name} takes no value")
                raise UsageError(f"{shown(word)}: write short options apart: {word[:2]} -{value}")
            continue
        if name in _MANY:
            many = name
            options.setdefault(name, [])
            if equals:
                options[name].append(value)
        elif name in _ONE:
            if name in options:
                raise UsageError(f"{name} is given twice")
            if not equals:
                value = next(words, "")
            if not value:
                raise UsageError(f"{name} needs a value")
            options[name] = [value]
        else:
            raise UsageError(f"{shown(word)}: unknown option", hint="ocidiet --help lists them")
    for name in _MANY:
        if name in options and not options[name]:
            raise UsageError(f"{name} needs at least one value")
    return options


def source(text: str, cwd: str) -> Source:
    """One value of `-b` or `-e`: `[=]SRC[:DEST]`. Raises `UsageError`.

    DEST is absolute, so only `:/` divides; `\\:` is a colon of the name.
    """
    path, dest = text, None
    at = text.find(":/")
    while at > 0 and text[at - 1] == "\\":
        at = text.find(":/", at + 1)
    if at >= 0:
        path, dest = text[:at], text[at + 1 :]
    in_root = path.startswith("=")
    path = (path[1:] if in_root else path).replace("\\:", ":")
    if not path or "\0" in text:
        raise UsageError(f"{shown(text)}: names no file")
    if in_root and not path.startswith("/"):
        raise UsageError(f"{shown(text)}: a path inside the root is absolute", hint="a file of that name is './=name'")
    place = None
    if dest is not None:
        parts = [part for part in dest.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise UsageError(f"{shown(text)}: '..' in a place in the image")
        place = ImagePath("/".join(parts))
    absolute = path if path.startswith("/") else f"{cwd.rstrip('/')}/{path}"
    return Source(text, path, absolute, in_root, place)


def request(options: dict[str, list[str]], cwd: str) -> Request:
    """What `options` ask for, with every default. Raises `UsageError`."""

    def one(name: str, default: str = "") -> str:
        return options.get(name, [default])[0]

    tar = one("--tar")
    if not tar:
        raise UsageError("no output: -t FILE is missing")
    if ":" in tar and "/" not in tar and not tar.endswith(".tar"):
        hint = f"-t names a file: -t {tar.partition(':')[0]}.tar, then `docker import` gives it a name"
        raise UsageError(f"-t {shown(tar)}: looks like an image's name and tag", hint=hint)
    sources = {name: tuple([source(text, cwd) for text in options.get(name, ())]) for name in _MANY}
    if not any(sources.values()):
        raise UsageError("nothing to put into the image: neither -b nor -e")
    root = one("--root", "/")
    if not os.path.isdir(root):
        raise UsageError(f"--root {shown(root)}: no such directory")
    root = os.path.realpath(root).rstrip("/")
    build_tree = one("--build-tree", cwd)
    if "--build-tree" in options and not os.path.isdir(build_tree):
        raise UsageError(f"--build-tree {shown(build_tree)}: no such directory")
    depfile = options.get("--depfile", [None])[0]
    if depfile is None and ("--depfile-target" in options or "--depfile-style" in options):
        raise UsageError("--depfile-target and --depfile-style need --depfile")
    if tar == "-" and depfile is not None:
        raise UsageError("no --depfile with -t -: standard output is no target")
    style = one("--depfile-style", "gcc")
    if style not in ("gcc", "make"):
        raise UsageError(f"--depfile-style {shown(style)}: gcc or make")
    mtime = one("--mtime", "0")
    if not (mtime.isascii() and mtime.isdigit() and int(mtime) < 8**11):
        raise UsageError(f"--mtime {shown(mtime)}: a whole number of seconds from 0 to {8**11 - 1}")
    return Request(
        HostPath(tar),
        sources["--binary"],
        sources["--extra"],
        HostPath(root),
        HostPath(os.path.realpath(build_tree)),
        Search(HostPath(cwd)),
        int(mtime),
        None if depfile is None else HostPath(depfile),
        one("--depfile-target", tar),
        style,
        "--keep-mtime" in options,
        "--verbose" in options,
    )


# The chain ---------------------------------------------------------------------------------------


def pack(wanted: Request) -> None:
    """Resolve, lay out, prove, and publish. Raises an `OcidietError`; then nothing has changed."""
    from ocidiet import closure, commit, extras, fs, tar, tree, verify

    commit.occupy_standard_files()
    started_ns = time.time_ns()
    record = fs.Record(_build_tree(wanted))
    root = fs.DiskRoot(wanted.root, record)
    host = fs.DiskRoot("", record) if wanted.root else root

    facts = closure.Facts()
    named = [(given, root if given.in_root else host) for given in wanted.binaries]
    closed = closure.Resolver(root, facts, wanted.search).resolve(
        [(given.name, at.walk(given.path)) for given, at in named]
    )
    added = [extra for given in wanted.extras for extra in extras.expand(given, root if given.in_root else host)]
    image = tree.assemble(list(zip(wanted.binaries, closed.programs, strict=True)), added, root, record.build_tree)
    verify.check(image, facts, wanted.search)

    outputs: list[commit.Output] = []
    try:
        if wanted.tar == "-":
            out = commit.Stream(1, "standard output")
        else:
            _refuse_own_input(wanted, record)
            if wanted.depfile is not None:
                text = _depfile(wanted, record)
                outputs.append(commit.Output(wanted.depfile))
                outputs[0].write(text)
            outputs.append(commit.Output(wanted.tar))
            out = outputs[-1]
        tar.write(image, wanted.mtime_s, out)
        if wanted.verbose:
            from ocidiet import report

            name = "standard output" if wanted.tar == "-" else wanted.tar
            _print(report.listing(image, name), 2 if wanted.tar == "-" else 1)
        record.recheck()
        # The depfile first: a crash between the two means one run too many, never one too few. The
        # time is the start's, so that whatever is written from then on is newer than the output.
        for output in outputs:
            output.publish(started_ns, keep_equal=wanted.keep_mtime and output.path == wanted.tar)
    finally:
        try:
            _Signals.held = True
        finally:
            for output in outputs:
                output.discard()


def _build_tree(wanted: Request) -> HostPath | None:
    # A directory that holds default directories of the loader is no build tree: all would be "built".
    tree = wanted.build_tree or "/"
    parent = tree.rpartition("/")[0]
    holds_system = any(f"{path}/".startswith(f"{tree.rstrip('/')}/") for path in ("/lib", "/lib64", "/usr/lib"))
    return None if holds_system or parent in ("/lib", "/usr/lib") else HostPath(tree)


def _refuse_own_input(wanted: Request, record: fs.Record) -> None:
    outputs = [path for path in (wanted.tar, wanted.depfile) if path is not None]
    reals = [os.path.realpath(path) for path in outputs]
    if len(set(reals)) < len(reals):
        raise UsageError(f"{shown(wanted.tar)}: is both the image and the depfile")
    for path, real in zip(outputs, reals, strict=True):
        if record.holds(real):
            raise UsageError(f"{shown(path)}: an output among the inputs", hint="write it outside what -b and -e name")


def _depfile(wanted: Request, record: fs.Record) -> bytes:
    from ocidiet import depfile

    outputs = [os.path.dirname(os.path.realpath(path)) for path in (wanted.tar, wanted.depfile or wanted.tar)]
    return depfile.render(wanted.depfile_target, record.trace(), _own_files(record), wanted, outputs)


def _own_files(record: fs.Record) -> list[HostPath]:
    """The files that this program was loaded from, and their directory: an upgrade may bring old mtimes."""
    here = HostPath(os.path.dirname(os.path.realpath(__file__)))
    archive = getattr(getattr(__spec__, "loader", None), "archive", None)
    if archive is not None:
        return [HostPath(os.path.realpath(archive))]
    modules = [sys.modules[name] for name in sys.modules if name.startswith("ocidiet.")]
    files = {HostPath(os.path.realpath(module.__file__ or "")) for module in modules}
    files |= {HostPath(f"{here}/{name}") for name in ("__init__.py", "__main__.py")}
    directories = {HostPath(os.path.dirname(file)) for file in files}
    return [*files, *(path for path in directories if not below(path, record.build_tree))]


def _makefile() -> str:
    here = os.path.dirname(os.path.realpath(__file__))
    for directory in (f"{here}/make", f"{os.path.dirname(here)}/make"):
        if os.path.isfile(f"{directory}/ocidiet.mk"):
            return f"{directory}/ocidiet.mk"
    raise UsageError("--makefile: this one-file form carries no ocidiet.mk", hint="copy make/ocidiet.mk beside it")


# The process -------------------------------------------------------------------------------------


class _Ended(BaseException):
    pass


class _Signals:
    """The first signal that asks the process to end; the clean-up that it starts takes no second."""

    first = 0
    held = False


def _catch_signals() -> None:
    """Let SIGINT, SIGTERM and SIGHUP unwind, so that no temporary file stays; an ignored one stays ignored."""

    def end(signum: int, _frame: FrameType | None) -> None:
        if not _Signals.first:
            _Signals.first = signum
            if not _Signals.held:
                raise _Ended

    _Signals.first, _Signals.held = 0, False
    for signum in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP):
        if _signal.getsignal(signum) in (_signal.SIG_DFL, _signal.default_int_handler):
            _signal.signal(signum, end)


def _end_by(signum: int) -> int:
    _signal.signal(signum, _signal.SIG_DFL)
    os.kill(os.getpid(), signum)
    return 128 + signum


def _print(text: str, fd: int = 1) -> None:
    from ocidiet.commit import Stream

    Stream(fd, "standard output" if fd == 1 else "standard error").write(os.fsencode(text))


def _say(text: str) -> None:
    try:
        _print(text + "\n", 2)
    except (OSError, OutputError):
        pass  # nobody is left to tell
