"""argv -> options -> `Request`; exit codes and what is said on which stream."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ocidiet import __version__, cli, tar
from ocidiet.cli import main, options
from ocidiet.cli.options import parse, request, source
from ocidiet.cli.texts import HELP, INDEX, REST, USAGE, VERBS
from ocidiet.closure import Resolver
from ocidiet.errors import UsageError
from ocidiet.model import Closure, HostPath, ImagePath, Notice, Search
from ocidiet.model.image import Places, Request
from tests.support import CHECKOUT, MAIN, MAKEFILE, PYTHON, run
from tests.unit.elfmaker import INTERP, LOADER, lay, make, program

CWD = "/home/me"
VERB = "a verb (list, tree, verify, index) is the first word"
NO_OPTION = f"belongs to no option\n  hint: programs follow -b, other files -e; {VERB}"
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
        (["-e", "x", "y", "-v"], {"--extra": ["x", "y"], "--verbose": [""]}),
        (["-e", "./-x", "-"], {"--extra": ["./-x", "-"]}),
        (["-v", "-v", "--verbose"], {"--verbose": ["", "", ""]}),
        (["-vvv"], {"--verbose": ["", "", ""]}),
        (["--library-path", "a:b", "--library-path=c"], {"--library-path": ["a:b", "c"]}),
        (["--preload=a", "--preload=b"], {"--preload": ["a", "b"]}),
        (["--hwcaps", "all"], {"--hwcaps": ["all"]}),
        (["--dlopen=none"], {"--dlopen": ["none"]}),
        (["--assume-ldconfig"], {"--assume-ldconfig": [""]}),
        (["--no-assume-ldconfig"], {"--no-assume-ldconfig": [""]}),
        (["--help-all"], {"--help-all": [""]}),
        (["--root", "r"], {"--root": ["r"]}),
        (["--build-tree=b"], {"--build-tree": ["b"]}),
        (["--mtime", "1"], {"--mtime": ["1"]}),
        (["--depfile=d"], {"--depfile": ["d"]}),
        (["--depfile-target", "n"], {"--depfile-target": ["n"]}),
        (["--depfile-style=make"], {"--depfile-style": ["make"]}),
        (["--keep-mtime"], {"--keep-mtime": [""]}),
        (["--help"], {"--help": [""]}),
        (["-h"], {"--help": [""]}),
        (["--version"], {"--version": [""]}),
        (["--makefile"], {"--makefile": [""]}),
        (["--cmakedir"], {"--cmakedir": [""]}),
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
        (["x"], f"x: {NO_OPTION}"),
        (["-t", "x", "y"], f"y: {NO_OPTION}"),
        (["-b", "x", "-v", "y"], f"y: {NO_OPTION}"),
        (["\033"], f"\\x1b: {NO_OPTION}"),
        (["--nope"], "--nope: unknown option\n  hint: ocidiet --help-all lists them"),
        (["--ta", "x"], "--ta: unknown option\n  hint: ocidiet --help-all lists them"),
        (["-x"], "-x: unknown option\n  hint: ocidiet --help-all lists them"),
        (["--"], "--: unknown option\n  hint: ocidiet --help-all lists them"),
        (["--help=x"], "--help=x: --help takes no value"),
        (["-vt", "x"], "-vt: write short options apart: -v -t"),
        (["-vvh"], "-vvh: write short options apart: -v -vh"),
        (["--verbose=v"], "--verbose=v: --verbose takes no value"),
        (["--dlopen=none", "--dlopen", "none"], "--dlopen is given twice"),
        (["--json"], "--json: unknown option\n  hint: ocidiet --help-all lists them"),
        (["-0"], "-0: unknown option\n  hint: ocidiet --help-all lists them"),
        (["-v", "tree"], f"tree: {NO_OPTION}"),
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


@pytest.mark.parametrize(
    ("verb", "argv", "given"),
    [
        ("list", [], {}),
        ("list", ["a", "-0", "b"], {"FILE": ["a", "b"], "--null": [""]}),
        ("list", ["--null", "-"], {"FILE": ["-"], "--null": [""]}),
        ("tree", ["--json", "a", "-vv", "--root", "r", "b"], None),
        ("tree", ["--hwcaps=x", "a", "--help"], {"--hwcaps": ["x"], "FILE": ["a"], "--help": [""]}),
        ("tree", ["list"], {"FILE": ["list"]}),
    ],
    ids=str,
)
def test_words_behind_a_verb_are_files(verb: str, argv: list[str], given: dict[str, list[str]] | None) -> None:
    many = {"--json": [""], "FILE": ["a", "b"], "--verbose": ["", ""], "--root": ["r"]}
    assert parse(argv, verb) == (many if given is None else given)


@pytest.mark.parametrize(
    "word", ["-t", "-b", "-e", "--mtime", "--depfile", "--keep-mtime", "--version", "--makefile", "--json", "-x", "--"]
)
def test_option_is_refused_that_a_verb_does_not_have(word: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(["f", word], "list")
    assert str(caught.value) == f"{word}: no option of `ocidiet list`\n  hint: ocidiet list --help lists them"


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
        HostPath("i.tar"),
        (source("x", cwd),),
        (),
        HostPath(""),
        Places(here),
        Search(here),
        0,
        None,
        "i.tar",
        "gcc",
        False,
        0,
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
        (["--build-tree", "link"], {"places": ("{cwd}/sysroot",)}),
        (["--mtime", "8589934591"], {"mtime_s": 8589934591}),
        (["--depfile", "d"], {"depfile": "d"}),
        (["--depfile", "d", "--depfile-target", "n"], {"depfile": "d", "depfile_target": "n"}),
        (["--depfile", "d", "--depfile-style", "make"], {"depfile": "d", "depfile_style": "make"}),
        (["--keep-mtime", "-v"], {"keep_mtime": True, "verbose": 1}),
        (["-vv"], {"verbose": 2}),
        (["--build-tree", "/usr"], {"places": (None,)}),
        (["--layout", "scratch"], {"places": ("{cwd}", "scratch")}),
        (["--library-dir", "//opt/./lib/"], {"places": ("{cwd}", "portable", "/opt/lib")}),
        (["--destdir", "link"], {"destdir": "{cwd}/sysroot"}),
        (["--base", "base.tar"], {"base": "base.tar"}),
        (["--library-path", "a:/b", "--library-path", "c"], {"search": ("a:/b:c", "", None, "recommended", None)}),
        (["--preload", "a", "--preload", "b c"], {"search": ("", "a:b c", None, "recommended", None)}),
        (["--hwcaps", "all"], {}),
        (["--hwcaps", "baseline"], {"search": ("", "", (), "recommended", None)}),
        (["--hwcaps", "x,y-1"], {"search": ("", "", ("x", "y-1"), "recommended", None)}),
        (["--dlopen", "required"], {"search": ("", "", None, "required", None)}),
        (["--dlopen", "none"], {"search": ("", "", None, "none", None)}),
        (["--assume-ldconfig"], {"search": ("", "", None, "recommended", True)}),
        (["--no-assume-ldconfig"], {"search": ("", "", None, "recommended", False)}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_request_has_every_default(cwd: str, argv: list[str], changed: dict[str, Any]) -> None:
    expected = plain(cwd)
    for field, value in changed.items():
        expected[field] = value.format(cwd=cwd) if isinstance(value, str) else value
    expected["extras"] = tuple(source(text, cwd) for text in expected["extras"])
    expected["search"] = Search(HostPath(cwd), *changed.get("search", ()))
    tree, *others = changed.get("places", ("{cwd}",))
    expected["places"] = Places(tree and tree.format(cwd=cwd), *others)
    assert request(parse(["-t", "i.tar", "-b", "x", *argv]), cwd) == Request(**expected)


@pytest.mark.parametrize(
    ("argv", "tar", "target"),
    [
        (["-t", "i.tar", "--archive", "a.tar", "--oci", "o"], "i.tar", "i.tar"),
        (["--archive", "a.tar", "--oci", "o"], "", "a.tar"),
        (["--oci", "d/o/"], "", "d/o/index.json"),
    ],
    ids=["tar", "archive", "layout"],
)
def test_depfile_s_target_is_the_first_output(cwd: str, argv: list[str], tar: str, target: str) -> None:
    made = request(parse(["-b", "x", "--depfile", "d", *argv]), cwd)
    assert (made.tar, made.depfile_target) == (tar, target)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["-b", "x"], "no output: -t FILE, --archive FILE or --oci DIR is missing"),
        (["--tag", "x:1", "-b", "x"], "no output: -t FILE, --archive FILE or --oci DIR is missing"),
        (
            ["-t", "i", "-b", "x", "--user", "1"],
            "--user is an image's: it needs --archive or --oci\n  hint: a tar says nothing of the kind",
        ),
        (["-t", "-", "-b", "x", "--oci", "o"], "-t - stands alone: no --archive or --oci with it"),
        (
            ["-b", "x", "--oci", "o", "--layout", "merged"],
            "--layout is the tar's, and there is no -t: an image's own layer fits what is below it",
        ),
        (["-t", "i.tar"], "nothing to put into the image: neither -b, -e nor --destdir"),
        (["-t", "i.tar", "--destdir", "none"], "--destdir none: no such directory"),
        (["-t", "i.tar", "--destdir", "//"], "--destdir /: the machine's own root is no installed tree"),
        (["-t", "i", "-b", "x", "--root", "gone"], "--root gone: no such directory"),
        (["-t", "i", "-b", "x", "--build-tree", "gone"], "--build-tree gone: no such directory"),
        (["-t", "i", "-b", "x", "--depfile-target", "n"], "--depfile-target and --depfile-style need --depfile"),
        (["-t", "i", "-b", "x", "--depfile-style", "gcc"], "--depfile-target and --depfile-style need --depfile"),
        (["-t", "-", "-b", "x", "--depfile", "d"], "no --depfile with -t -: standard output is no target"),
        (["-t", "i", "-b", "x", "--depfile", "d", "--depfile-style", "x"], "--depfile-style x: gcc, make or cmake"),
        (["-t", "i", "-b", "x", "--dlopen", "all"], "--dlopen all: required, recommended, suggested or none"),
        (
            ["-t", "i", "-b", "x", "--assume-ldconfig", "--no-assume-ldconfig"],
            "--assume-ldconfig and --no-assume-ldconfig exclude each other",
        ),
        *(
            (
                ["-t", "i", "-b", "x", "--hwcaps", value],
                f"--hwcaps {value}: all, baseline, or names as x86-64-v3,x86-64-v2",
            )
            for value in (",", "a,", "a/b", "..,a b", "all,a", "a,baseline", " ")
        ),
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


@pytest.mark.parametrize("text", [USAGE, HELP, VERBS, INDEX, REST], ids=["usage", "help", "verbs", "index", "rest"])
def test_text_fits_a_terminal(text: str) -> None:
    assert [line for line in text.splitlines() if len(line) > 79] == []
    assert len(text.splitlines()) <= 24 or text is REST  # which stands behind two screens


def test_the_whole_help_names_every_option_once() -> None:
    words = [
        line.split()[0 if line.startswith("      ") else 1].split("=")[0]
        for line in (HELP + VERBS + INDEX + REST).splitlines()
        if line.startswith(("  -", "      --"))
    ]
    own = [flag for flags in options.VERBS.values() for flag in flags]
    known = {*options._MANY, *options._ONE, *options._FLAGS, *own}
    told_elsewhere = {"--version", "--help", "--help-all"}
    assert sorted(words) == sorted([*known - told_elsewhere, "--verbose"])
    assert told_elsewhere - {"--help"} - set(HELP.replace(",", " ").replace(".", " ").split()) == set()


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
        (["--help-all"], (0, f"{HELP}\n{VERBS}\n{INDEX}\n{REST}", "")),
        (["list", "-h"], (0, VERBS, "")),
        (["tree", "--help-all"], (0, f"{HELP}\n{VERBS}\n{INDEX}\n{REST}", "")),
        (["index", "-h"], (0, INDEX, "")),
        (["index", "-o", "x"], (2, "", "ocidiet: error: index: names no image\n  hint: ocidiet index --help\n")),
        (["index", "x"], (2, "", "ocidiet: error: index: no output: -o DIR is missing\n")),
        (["list"], (2, "", "ocidiet: error: list: names no program\n  hint: ocidiet list --help\n")),
        (["tree", "-v"], (2, "", "ocidiet: error: tree: names no program\n  hint: ocidiet tree --help\n")),
        (
            ["list", "f:/x"],
            (2, "", "ocidiet: error: f:/x: a place in the image, which only -b and -e give\n"),
        ),
        (["tree", "--root", "gone", "f"], (2, "", "ocidiet: error: --root gone: no such directory\n")),
        (["list", "gone"], (1, "", "ocidiet: error: gone: no such file\n")),
        (["--makefile"], (0, f"{MAKEFILE}\n", "")),
        (["--cmakedir"], (0, f"{CHECKOUT}/cmake\n", "")),
        ([], (2, "", USAGE)),
        (["--nope"], (2, "", "ocidiet: error: --nope: unknown option\n  hint: ocidiet --help-all lists them\n")),
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
    own = {
        f"{CHECKOUT}/ocidiet/{name}.py"
        for name in ("__init__", "cli/pack", "depfile", "extras", "fs/disk", "model/loading", "tar")
    }
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


# Verbs -------------------------------------------------------------------------------------------


@pytest.fixture
def laid(cwd: str) -> str:
    """A sysroot with links and a program of it; a program of a build tree with a library of its own and a
    missing one."""
    libraries: dict[str, str | bytes] = {
        INTERP: "/usr/lib/ld.so",
        "/usr/lib/ld.so": LOADER,
        "/lib64/libc.so": "libc.so.1",
    }
    lay(Path(cwd, "sysroot"), {**libraries, "/usr/lib64": None, "/lib64/libc.so.1": make(), "/bin": "usr/bin"})
    lay(Path(cwd, "sysroot"), {"/usr/bin/whole": program("libc.so")})
    lay(
        Path(cwd),
        {"/b/app": program("libown.so", "libc.so", runpath="$ORIGIN/l"), "/b/l/libown.so": make(needed=["x"])},
    )
    return cwd


EVIDENCE = """\
  x, needed by {cwd}/b/l/libown.so
    cache  {cwd}/sysroot/etc/ld.so.cache  no entry
    default  {cwd}/sysroot/lib64/x  no such file
    default  {cwd}/sysroot/usr/lib64/x  no such file
"""
INSTALL = "  hint: install the library's package, or name its directory with --library-path or -Wl,-rpath\n"
SET = "  hint: LD_LIBRARY_PATH is set here and is not read: give it with --library-path\n"
WHOLE = """\
bin
lib64/ld-linux-x86-64.so.2
lib64/libc.so
lib64/libc.so.1
usr/bin/whole
usr/lib/ld.so
"""
BROKEN_TREE = """\
b/app  [x86_64, glibc]
\u251c\u2500\u2500 libown.so                    b/l/libown.so                    RUNPATH $ORIGIN/l
\u2502   \u2514\u2500\u2500 x                                                         not found
\u2502           cache    ROOT/etc/ld.so.cache  no entry
\u2502           default  ROOT/lib64/x          no such file
\u2502           default  ROOT/usr/lib64/x      no such file
\u251c\u2500\u2500 libc.so                      ROOT/lib64/libc.so               default directory
\u2514\u2500\u2500 /lib64/ld-linux-x86-64.so.2  ROOT/lib64/ld-linux-x86-64.so.2  interpreter
"""


def in_sysroot(cwd: str, names: str) -> str:
    return "".join(f"{cwd}/sysroot/{name}\n" for name in names.split())


def test_list_has_every_file_and_every_link_on_the_way(tool: Any, laid: str) -> None:
    assert tool("list", "--root", "sysroot", "=/bin/whole") == (0, in_sysroot(laid, WHOLE), "")


def test_list_divides_by_nul_where_asked(tool: Any, laid: str) -> None:
    listed = in_sysroot(laid, WHOLE).replace("\n", "\0")
    assert tool("list", "-0", "--root", "link", "=/bin/whole", "=/usr/bin/whole") == (0, listed, "")


def test_list_of_a_broken_closure_is_what_there_is(tool: Any, laid: str) -> None:
    own = f"{laid}/b/app\n{laid}/b/l/libown.so\n"
    system = [name for name in WHOLE.split() if "bin" not in name]
    error = f"ocidiet: error: b/app: 1 library not found\n{EVIDENCE.format(cwd=laid)}{INSTALL}"
    code, out, err = tool("list", "--root", "sysroot", "b/app")
    assert (code, out) == (1, own + in_sysroot(laid, " ".join(system)))
    assert re.sub(r"(?<=\S) {2,}", "  ", err) == error


@pytest.mark.usefixtures("laid")
def test_tree_of_a_broken_closure_has_the_places_that_were_tried(tool: Any) -> None:
    error = f"ocidiet: error: b/app: 1 library not found\n{INSTALL}"
    assert tool("tree", "b/app", "--root", "sysroot") == (1, BROKEN_TREE, error)


def test_json_of_a_broken_closure_is_whole(tool: Any, laid: str) -> None:
    code, out, err = tool("tree", "--json", "b/app", "--root", "sysroot")
    found = json.loads(out)["programs"][0]
    assert (code, [lookup["name"] for lookup in found["missing"]]) == (1, ["x"])
    assert [known["file"].removeprefix(laid) for known in found["objects"]] == [
        "/b/app",
        "/sysroot/usr/lib/ld.so",
        "/b/l/libown.so",
        "/sysroot/lib64/libc.so.1",
    ]
    assert err == f"ocidiet: error: b/app: 1 library not found\n{INSTALL}"


@pytest.mark.parametrize("argv", [["tree"], ["list"], ["-t", "i.tar", "-b"]], ids=" ".join)
def test_set_library_path_is_told_of_and_not_read(
    tool: Any, laid: str, argv: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(Path(laid), {"/l/x": make()})
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{laid}/l")
    code, _, err = tool(*argv, "b/app", "--root", "sysroot")
    assert (code, err.endswith(INSTALL + SET)) == (1, True)


COLOURS = [
    ({"TERM": "xterm"}, True),
    ({"TERM": "xterm", "NO_COLOR": ""}, True),
    ({"TERM": "xterm", "NO_COLOR": "1"}, False),
    ({"TERM": "dumb"}, False),
    ({}, False),
]


@pytest.mark.parametrize(("env", "coloured"), COLOURS, ids=str)
def test_tree_is_in_colour_on_a_terminal_that_wants_it(laid: str, env: dict[str, str], coloured: bool) -> None:
    control, terminal = os.openpty()
    argv = [PYTHON, "-IS", str(MAIN), "tree", "--root", "sysroot", "=/bin/whole"]
    subprocess.run(argv, cwd=laid, env={"LC_ALL": "C.UTF-8", **env}, stdout=terminal, check=True)
    os.close(terminal)
    shown = os.read(control, 1 << 16)
    os.close(control)
    assert (b"[x86_64, glibc]" in shown, b"\033[" in shown) == (True, coloured)


NOTICES = (Notice("all\nbad", True), Notice("by the way", False))


@pytest.mark.parametrize("argv", [["tree"], ["list"], ["-t", "i.tar", "-b"]], ids=" ".join)
@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.usefixtures("laid")
def test_warning_is_told_always_and_a_note_with_v(
    tool: Any, argv: list[str], verbose: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Resolver.resolve

    def with_notices(self: Resolver, named: Any) -> Closure:
        return Closure(made(self, named).programs, NOTICES)

    monkeypatch.setattr(Resolver, "resolve", with_notices)
    code, _, err = tool(
        *argv, "=/bin/whole:/whole"[: None if argv[0] == "-t" else 11], "--root", "sysroot", *["-v"] * verbose
    )
    told = "ocidiet: warning: all\\x0abad\n" + "ocidiet: note: by the way\n" * verbose
    assert (code, err) == (0, told)


@pytest.mark.usefixtures("laid")
def test_packing_says_how_it_searched_where_asked_twice(tool: Any) -> None:
    code, out, err = tool("-vv", "-t", "i.tar", "--root", "sysroot", "-b", "=/bin/whole:/whole")
    assert (code, err, out.partition("i.tar: ")[2].partition("\n")[2]) == (
        0,
        "",
        """\
/bin/whole  [x86_64, glibc]
\u251c\u2500\u2500 libc.so                      ROOT/lib64/libc.so               default directory
\u2502       cache  ROOT/etc/ld.so.cache  no entry
\u2514\u2500\u2500 /lib64/ld-linux-x86-64.so.2  ROOT/lib64/ld-linux-x86-64.so.2  interpreter
""",
    )


@pytest.mark.parametrize("depfile", ["i.tar.d", "i.d", "i.tar.d/i.tar.d"])
@pytest.mark.parametrize("before", [True, False], ids=["standing", "new"])
def test_what_a_killed_run_left_is_swept_wherever_it_is(cwd: str, tool: Any, depfile: str, before: bool) -> None:
    for place in (Path(cwd, "o"), Path(cwd, "o", depfile).parent):
        place.mkdir(exist_ok=True)
    argv = ["-t", "o/i.tar", "-e", "f:/f", "--keep-mtime", "--depfile", f"o/{depfile}"]
    if before:
        assert tool(*argv)[0] == 0
    whole = [Path("o/i.tar"), Path("o/i.tar.state"), Path("o", depfile)]
    for path in whole:
        Path(cwd, path.parent, f".{path.name}.99-0.ocidiet-tmp").touch()
    assert tool(*argv) == (0, "", "")
    assert sorted(path.relative_to(cwd) for path in Path(cwd, "o").rglob("*") if path.is_file()) == sorted(whole)


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
