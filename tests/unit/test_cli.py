"""argv -> options -> `Request`; exit codes and what is said on which stream."""

from __future__ import annotations

import ast
import os
from pathlib import Path
from typing import Any

import pytest

from ocidiet import __version__, cli, tar
from ocidiet.cli import HELP, USAGE, main, parse, request, source
from ocidiet.errors import UsageError
from ocidiet.model import HostPath, ImagePath, Request
from tests.support import CHECKOUT, MAIN, MAKEFILE, PYTHON, run
from tests.unit.elfmaker import INTERP, LOADER, lay, make, program

CWD = "/home/me"
PYENV = Path.home() / ".pyenv" / "versions"


# Options -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "options"),
    [
        (["-t", "x"], {"--tar": ["x"]}),
        (["-tx"], {"--tar": ["x"]}),
        (["--tar", "x"], {"--tar": ["x"]}),
        (["--tar=x"], {"--tar": ["x"]}),
        (["--tar=x=y"], {"--tar": ["x=y"]}),
        (["-t", "-"], {"--tar": ["-"]}),
        (["-t=x"], {"--tar": ["=x"]}),
        (["-b", "x", "y"], {"--binary": ["x", "y"]}),
        (["-bx", "y"], {"--binary": ["x", "y"]}),
        (["--binary=x", "y"], {"--binary": ["x", "y"]}),
        (["-b", "=x"], {"--binary": ["=x"]}),
        (["-b=x"], {"--binary": ["=x"]}),
        (["-b", "x", "-e", "y", "-b", "z"], {"--binary": ["x", "z"], "--extra": ["y"]}),
        (["-e", "x", "y", "-v"], {"--extra": ["x", "y"], "--verbose": []}),
        (["-e", "./-x", "-"], {"--extra": ["./-x", "-"]}),
        (["-v", "-v", "--verbose"], {"--verbose": []}),
        (["--root", "r"], {"--root": ["r"]}),
        (["--build-tree=b"], {"--build-tree": ["b"]}),
        (["--mtime", "1"], {"--mtime": ["1"]}),
        (["--depfile=d"], {"--depfile": ["d"]}),
        (["--depfile-target", "n"], {"--depfile-target": ["n"]}),
        (["--depfile-style=make"], {"--depfile-style": ["make"]}),
        (["--keep-mtime"], {"--keep-mtime": []}),
        (["--help"], {"--help": []}),
        (["-h"], {"--help": []}),
        (["--version"], {"--version": []}),
        (["--makefile"], {"--makefile": []}),
        (["-t", "-b", "-e", "y"], {"--tar": ["-b"], "--extra": ["y"]}),
        ([], {}),
    ],
    ids=" ".join,
)
def test_options_are_taken_apart(argv: list[str], options: dict[str, list[str]]) -> None:
    assert parse(argv) == options


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["x"], "x: belongs to no option\n  hint: programs follow -b, other files -e"),
        (["-t", "x", "y"], "y: belongs to no option\n  hint: programs follow -b, other files -e"),
        (["-b", "x", "-v", "y"], "y: belongs to no option\n  hint: programs follow -b, other files -e"),
        (["\033"], "\\x1b: belongs to no option\n  hint: programs follow -b, other files -e"),
        (["--nope"], "--nope: unknown option\n  hint: ocidiet --help lists them"),
        (["--ta", "x"], "--ta: unknown option\n  hint: ocidiet --help lists them"),
        (["-x"], "-x: unknown option\n  hint: ocidiet --help lists them"),
        (["--"], "--: unknown option\n  hint: ocidiet --help lists them"),
        (["--help=x"], "--help=x: --help takes no value"),
        (["-vt", "x"], "-vt: write short options apart: -v -t"),
        (["-t"], "--tar needs a value"),
        (["--tar="], "--tar needs a value"),
        (["--mtime", ""], "--mtime needs a value"),
        (["-t", "x", "--tar=y"], "--tar is given twice"),
        (["-b"], "--binary needs at least one value"),
        (["-b", "-e", "y"], "--binary needs at least one value"),
        (["-e", "-v"], "--extra needs at least one value"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_command_line_is_refused(argv: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(argv)
    assert (str(caught.value), caught.value.exit_code) == (message, 2)


# SRC:DEST ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "path", "in_root", "dest"),
    [
        ("x", f"{CWD}/x", False, None),
        ("./x", f"{CWD}/./x", False, None),
        ("/a/x", "/a/x", False, None),
        ("x:/usr/bin/x", f"{CWD}/x", False, "usr/bin/x"),
        ("x:/", f"{CWD}/x", False, ""),
        ("x://usr//./bin/", f"{CWD}/x", False, "usr/bin"),
        ("=/bin/sh", "/bin/sh", True, None),
        ("=/bin/sh:/sh", "/bin/sh", True, "sh"),
        ("./=x", f"{CWD}/./=x", False, None),
        ("x:y", f"{CWD}/x:y", False, None),
        ("x:y:/z", f"{CWD}/x:y", False, "z"),
        ("a\\:/b", f"{CWD}/a:/b", False, None),
        ("a\\:/b:/c", f"{CWD}/a:/b", False, "c"),
        ("a:/b:/c", f"{CWD}/a", False, "b:/c"),
        ("a\\b", f"{CWD}/a\\b", False, None),
        ("a:/...", f"{CWD}/a", False, "..."),
    ],
)
def test_source_is_taken_apart(text: str, path: str, in_root: bool, dest: str | None) -> None:
    expected = (text, path, in_root, None if dest is None else ImagePath(dest))
    actual = source(text, CWD)
    assert (actual.text, actual.path, actual.in_root, actual.dest) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": names no file"),
        ("=", "=: names no file"),
        (":/x", ":/x: names no file"),
        ("x\0y", "x\\x00y: names no file"),
        ("=bin/sh", "=bin/sh: a path inside the root is absolute\n  hint: a file of that name is './=name'"),
        ("x:/a/../b", "x:/a/../b: '..' in a place in the image"),
        ("x:/..", "x:/..: '..' in a place in the image"),
    ],
    ids=ascii,
)
def test_source_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        source(text, CWD)
    assert str(caught.value) == message


def test_source_below_the_root_directory_has_one_slash() -> None:
    assert source("x", "/").path == "/x"


# Options -> Request ------------------------------------------------------------------------------


@pytest.fixture
def cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A working directory with a root and a link to it."""
    real = Path(os.path.realpath(tmp_path))
    (real / "sysroot").mkdir()
    (real / "link").symlink_to("sysroot")
    monkeypatch.chdir(real)
    return str(real)


def plain(cwd: str) -> dict[str, Any]:
    """The fields of the least request."""
    here = HostPath(cwd)
    least = Request(
        HostPath("i.tar"), (source("x", cwd),), (), HostPath(""), here, here, 0, None, "i.tar", "gcc", False, False
    )
    return dict(zip(Request._fields, least, strict=True))


@pytest.mark.parametrize(
    ("argv", "changed"),
    [
        ([], {}),
        (["-e", "y:/y", "z"], {"extras": ("y:/y", "z")}),
        (["--root", "/"], {}),
        (["--root", "sysroot/"], {"root": "{cwd}/sysroot"}),
        (["--root=link"], {"root": "{cwd}/sysroot"}),
        (["--build-tree", "link"], {"build_tree": "{cwd}/sysroot"}),
        (["--mtime", "8589934591"], {"mtime_s": 8589934591}),
        (["--depfile", "d"], {"depfile": "d"}),
        (["--depfile", "d", "--depfile-target", "n"], {"depfile": "d", "depfile_target": "n"}),
        (["--depfile", "d", "--depfile-style", "make"], {"depfile": "d", "depfile_style": "make"}),
        (["--keep-mtime", "-v"], {"keep_mtime": True, "verbose": True}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_request_has_every_default(cwd: str, argv: list[str], changed: dict[str, Any]) -> None:
    expected = plain(cwd)
    for field, value in changed.items():
        expected[field] = value.format(cwd=cwd) if isinstance(value, str) else value
    expected["extras"] = tuple(source(text, cwd) for text in expected["extras"])
    assert request(parse(["-t", "i.tar", "-b", "x", *argv]), cwd) == Request(**expected)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["-b", "x"], "no output: -t FILE is missing"),
        (["-t", "i.tar"], "nothing to put into the image: neither -b nor -e"),
        (["-t", "i", "-b", "x", "--root", "gone"], "--root gone: no such directory"),
        (["-t", "i", "-b", "x", "--build-tree", "gone"], "--build-tree gone: no such directory"),
        (["-t", "i", "-b", "x", "--depfile-target", "n"], "--depfile-target and --depfile-style need --depfile"),
        (["-t", "i", "-b", "x", "--depfile-style", "gcc"], "--depfile-target and --depfile-style need --depfile"),
        (["-t", "-", "-b", "x", "--depfile", "d"], "no --depfile with -t -: standard output is no target"),
        (["-t", "i", "-b", "x", "--depfile", "d", "--depfile-style", "nmake"], "--depfile-style nmake: gcc or make"),
        *(
            (
                ["-t", "i", "-b", "x", "--mtime", value],
                f"--mtime {value}: a whole number of seconds from 0 to 8589934591",
            )
            for value in ("-1", "1.5", "now", "8589934592", "\u0661", "0x1", "1_0", " 1")
        ),
    ],
    ids=lambda value: ascii(" ".join(value)) if isinstance(value, list) else "",
)
def test_request_is_refused(cwd: str, argv: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        request(parse(argv), cwd)
    assert str(caught.value) == message


# Texts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [HELP, USAGE], ids=["help", "usage"])
def test_text_fits_a_terminal(text: str) -> None:
    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert len(text.splitlines()) <= 24


def test_help_names_every_option() -> None:
    words = HELP.replace(",", " ").split()
    options = [*cli._VALUES, *cli._MANY, *cli._ONE, *cli._FLAGS]
    assert [option for option in options if option not in words and option != "-h"] == []


# main() ------------------------------------------------------------------------------------------

Said = tuple[int, str, str]


@pytest.fixture
def tool(cwd: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run `main` in a directory with a file `f`: (exit code, standard output, standard error)."""
    Path(cwd, "f").write_text("content")
    monkeypatch.setattr(cli, "_catch_signals", lambda: None)

    def called(*argv: str) -> Said:
        code = main(argv)
        return (code, *capfd.readouterr())

    return called


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--help"], (0, HELP, "")),
        (["--version"], (0, f"ocidiet {__version__}\n", "")),
        (["--version", "--help"], (0, HELP, "")),
        (["--makefile"], (0, f"{MAKEFILE}\n", "")),
        ([], (2, "", USAGE)),
        (["--nope"], (2, "", "ocidiet: error: --nope: unknown option\n  hint: ocidiet --help lists them\n")),
        (["-t", "i.tar", "-e", "f:/f"], (0, "", "")),
        (["-t", "i.tar", "-e", "gone"], (1, "", "ocidiet: error: gone: no such file\n")),
        (
            ["-t", "no/i.tar", "-e", "f"],
            (3, "", "ocidiet: error: no/i.tar: cannot be written: No such file or directory\n"),
        ),
        (
            ["-t", "sysroot", "-e", "f"],
            (
                3,
                "",
                "ocidiet: error: sysroot: exists and is not a regular file\n  hint: -t - writes to standard output\n",
            ),
        ),
        (["-v", "-t", "i.tar", "-e", "f:/f"], (0, "f      7  f:/f\ni.tar: 1 entries, 7\n", "")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_exit_code_and_streams(tool: Any, argv: list[str], said: Said) -> None:
    assert tool(*argv) == said


def test_image_on_standard_output_has_its_listing_on_standard_error(cwd: str) -> None:
    Path(cwd, "f").write_text("content")
    ended = run([PYTHON, "-IS", MAIN, "-v", "-t", "-", "-e", "f:/f"], Path(cwd))
    assert (ended.returncode, ended.stderr) == (0, "f      7  f:/f\nstandard output: 1 entries, 7\n")
    assert (len(ended.stdout), os.listdir(cwd).count("i.tar")) == (10240, 0)


def test_image_that_does_not_serve_its_own_loader_is_refused(tool: Any, cwd: str) -> None:
    main = program("liba.so", runpath="/opt/first:/opt/second")
    lay(Path(cwd, "own"), {"/bin/main": main, "/opt/second/liba.so": make(), "/other.so": make(), INTERP: LOADER})
    asked = ["-t", "i.tar", "--root", "own", "-b", "=/bin/main", "-e", "=/other.so:/opt/first/liba.so"]
    told = "ocidiet: error: /bin/main: would load another liba.so inside the image"
    code, out, err = tool(*asked)
    assert (code, out, err.partition("\n")[0], os.path.exists("i.tar")) == (1, "", told, False)


def test_defect_is_reported_with_its_traceback(tool: Any, cwd: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError("oops")

    monkeypatch.setattr(tar, "write", fail)
    code, out, err = tool("-t", "i.tar", "-e", "f", "--depfile", "d")
    lines = err.rstrip().splitlines()
    assert (code, out) == (70, "")
    assert lines[0] == f"ocidiet: internal error, please report it (ocidiet {__version__}):"
    assert lines[-1] == "KeyError: 'oops'"
    assert sorted(os.listdir(cwd)) == ["f", "link", "sysroot"]


OWN_INPUT = "an output among the inputs\n  hint: write it outside what -b and -e name"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["-t", "f", "-e", "f"], f"f: {OWN_INPUT}"),
        (["-t", "./sysroot/../f", "-e", "f"], f"./sysroot/../f: {OWN_INPUT}"),
        (["-t", "sysroot/i.tar", "-e", "sysroot"], f"sysroot/i.tar: {OWN_INPUT}"),
        (["-t", "link/i.tar", "-e", "sysroot"], f"link/i.tar: {OWN_INPUT}"),
        (["-t", "i.tar", "-e", "sysroot", "--depfile", "sysroot/d"], f"sysroot/d: {OWN_INPUT}"),
        (["-t", "i.tar", "-e", "f", "--depfile", "f"], f"f: {OWN_INPUT}"),
        (["-t", "i.tar", "-e", "f", "--depfile", "i.tar"], "i.tar: is both the image and the depfile"),
        (
            ["-t", "link/i.tar", "-e", "f", "--depfile", "sysroot/i.tar"],
            "link/i.tar: is both the image and the depfile",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_output_is_refused_that_is_an_input_or_another_output(
    tool: Any, cwd: str, argv: list[str], message: str
) -> None:
    assert tool(*argv) == (2, "", f"ocidiet: error: {message}\n")
    assert sorted(os.listdir(cwd)) == ["f", "link", "sysroot"]
    assert (Path(cwd, "f").read_text(), os.listdir(Path(cwd, "sysroot"))) == ("content", [])


def prerequisites(depfile: Path) -> list[str]:
    first = depfile.read_text().partition("\n\n")[0]
    return first.replace("\\\n", "").partition(":")[2].split()


def test_depfile_names_the_tool_s_own_files(tool: Any, cwd: str) -> None:
    assert tool("-t", "i.tar", "-e", "f:/f", "--depfile", "d") == (0, "", "")
    own = {f"{CHECKOUT}/ocidiet/{name}.py" for name in ("__init__", "cli", "depfile", "extras", "fs", "model", "tar")}
    assert own - set(prerequisites(Path(cwd, "d"))) == set()


def test_root_may_be_the_working_directory(tool: Any, cwd: str) -> None:
    argv = ["--root", ".", "--build-tree", "sysroot", "-e", "=/f", "--depfile", "sysroot/d"]
    assert tool("-t", "sysroot/i.tar", *argv) == (0, "", "")
    assert [name for name in prerequisites(Path(cwd, "sysroot/d")) if "/ocidiet" not in name] == [f"{cwd}", "f"]


def test_root_that_an_output_is_written_to_is_not_named(tool: Any, cwd: str) -> None:
    os.rename(Path(cwd, "f"), Path(cwd, "sysroot/f"))
    os.mkdir(Path(cwd, "away"))
    argv = ["--root", "sysroot", "--build-tree", "away", "-e", "=/f", "--depfile", "d"]
    assert tool("-t", "sysroot/i.tar", *argv) == (0, "", "")
    assert [name for name in prerequisites(Path(cwd, "d")) if "/ocidiet" not in name] == ["sysroot/f"]


def test_image_of_unchanged_content_is_kept_where_asked(tool: Any, cwd: str) -> None:
    image = Path(cwd, "i.tar")
    tool("-t", "i.tar", "-e", "f:/f")
    os.utime(image, (1000, 1000))
    tool("--keep-mtime", "-t", "i.tar", "-e", "f:/f")
    assert image.stat().st_mtime == 1000
    tool("-t", "i.tar", "-e", "f:/f")
    assert image.stat().st_mtime > 1000


# Old Pythons -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["__main__", "__init__"])
def test_entry_is_within_an_old_python_s_grammar(name: str) -> None:
    text = (CHECKOUT / "ocidiet" / f"{name}.py").read_text()
    ast.parse(text, feature_version=(3, 6))
    assert "from __future__ import annotations" not in text, "3.7, which feature_version does not tell"


PRETEND = "import runpy, sys; sys.version_info = (3, 9, 1); runpy.run_path(sys.argv[1], run_name='__main__')"
OLD: dict[str, tuple[str, list[str | Path]]] = {
    "3.9, pretended": ("3.9", [PYTHON, "-ISc", PRETEND]),
    **{path.parents[1].name: (path.parents[1].name, [path, "-IS"]) for path in PYENV.glob("3.[6-9].*/bin/python3")},
}


@pytest.mark.parametrize("name", OLD)
def test_old_python_gets_one_sentence(name: str) -> None:
    version, command = OLD[name]
    ended = run([*command, MAIN, "--version"], CHECKOUT)
    sentence = f"ocidiet: error: needs Python 3.10 or later, this is {'.'.join(version.split('.')[:2])}\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", sentence)
