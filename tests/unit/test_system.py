"""What spares the standard library: `system` answers as `os` does, and the tool's own imports as Python's."""

from __future__ import annotations

import ast
import errno
import os
import py_compile
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from py_compile import PycInvalidationMode as Mode

import pytest

from ocidiet import system
from tests.support import CHECKOUT, PYTHON, done, run

LIGHT = system.light()
PATHS = ["", "/", "//", ".", "..", "a", "a/", "/a", "/a/", "//a//b//", "a/b", "/none/../a", "\0", "dir", "file", "link"]
PATHS += ["link/..", "link/file", "up", "up/dir/file", "dangling", "dangling/x", "loop", "loop/x", "file/x", "/../dir"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dir").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "dir/file").touch()
    for name, target in [("link", "dir/"), ("up", "../" + tmp_path.name), ("dangling", "none"), ("loop", "loop")]:
        (tmp_path / name).symlink_to(target)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("path", PATHS)
def test_paths_are_those_of_os(path: str) -> None:
    def answers(module: object) -> list[object]:
        found: list[object] = []
        asked: list[Callable[[str], object]] = [module.dirname, module.isdir, module.realpath]  # type: ignore[attr-defined]
        for function in asked:
            try:
                found.append(function(path))
            except ValueError as error:
                found.append(str(error))
        return found

    assert answers(LIGHT.path) == answers(os.path)


@pytest.mark.parametrize("name", ["", "a", "\xe9", "\udcff", "\u20ac"])
def test_names_are_encoded_as_os_does(name: str) -> None:
    assert LIGHT.fsencode(name) == os.fsencode(name)
    assert LIGHT.fsdecode(os.fsencode(name)) == name


def test_variables_are_those_of_os() -> None:
    code = f"import sys; sys.path.insert(0, {str(Path(system.__file__).parent.parent)!r})"
    code += (
        "; from ocidiet.system import os; print(ascii([os.getenv(name) for name in sys.argv[1:]]), 'os' in sys.modules)"
    )
    env = {b"GIVEN": b"x\xff", b"EMPTY": b"", b"LC_ALL": b"C.UTF-8"}
    words = [sys.executable, "-ISc", code, *["GIVEN", "EMPTY", "NONE"]]
    told = subprocess.run(words, env=env, capture_output=True, text=True, check=True).stdout
    assert told == "['x\\udcff', '', None] False\n"


def test_what_the_rooms_ask_of_os_is_there(tmp_path: Path) -> None:
    pages = [page for page in (CHECKOUT / "ocidiet").rglob("*.py") if page.name != "zipapp.py"]
    nodes = [node for page in pages for node in ast.walk(ast.parse(page.read_text()))]
    asked = {node.attr for node in nodes if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "os"}
    # Types alone, and what is of the test of `system`.
    assert {name for name in asked if not hasattr(LIGHT, name)} - {"stat_result"} == set()
    assert {"open", "pread", "fsencode", "path"} < asked
    with LIGHT.fdopen(os.open(tmp_path / "x", os.O_WRONLY | os.O_CREAT), "wb") as file:
        file.write(b"x")
    assert (LIGHT.path.join, LIGHT.open) == (os.path.join, os.open)


def test_what_is_asked_for_often_is_found_at_once() -> None:
    # A module with a `__getattr__` has no quick way to its names.
    assert not hasattr(LIGHT, "__getattr__")


def test_error_numbers_are_those_of_errno() -> None:
    own = [name for name in vars(system.errno) if name[0] == "E"]
    assert [getattr(system.errno, name) for name in own] == [getattr(errno, name) for name in own]
    assert (len(own) > 5, system.errno.ELOOP) == (True, errno.ELOOP)


@pytest.mark.parametrize(("before", "told"), [("", "False"), ("import os; ", "True")], ids=["bare", "imported"])
def test_os_itself_serves_where_it_is_imported_already(before: str, told: str) -> None:
    code = f"{before}import sys; sys.path.insert(0, {str(Path(system.__file__).parent.parent)!r})"
    code += "; from ocidiet.system import os; print('os' in sys.modules and os is sys.modules['os'])"
    assert done([sys.executable, "-ISc", code]) == f"{told}\n"


# The tool's own imports --------------------------------------------------------------------------


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The tool in a place of its own, without bytecode."""
    shutil.copytree(CHECKOUT / "ocidiet", tmp_path / "ocidiet", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "ocidiet"


# What each module of the tool knows of itself, and who loads it, when all pages are imported.
TOLD = """
import sys
sys.path.insert(0, "")
import ocidiet
class Spy:
    def find_spec(name, *_):
        if name.startswith("ocidiet."):
            print(name, file=sys.stderr)
sys.meta_path.insert(0, Spy)
HASTEN
from ocidiet.cli import pack, verify
from ocidiet import closure
for name, module in sorted(sys.modules.items()):
    if name.startswith("ocidiet"):
        spec = module.__spec__
        print(name, module.__file__, module.__cached__, module.__package__, getattr(module, "__path__", None),
              spec.origin, spec.cached, spec.has_location, spec.parent, spec.submodule_search_locations,
              spec.loader is module.__loader__, spec.loader.name, spec.loader.path, spec.loader.is_package(name),
              type(spec.loader).__name__, hasattr(sys.modules[spec.parent or "sys"], "__file__"))
"""
HASTEN = """
ocidiet.is_tool = True
ocidiet.hasten(f"{ocidiet.STARTING} cli/options cli/")
from ocidiet import cli
ocidiet.hasten(f"{ocidiet.RESOLVING} {cli._PACKING}")
ocidiet.hasten(cli._VERIFYING)
"""


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("more", "is_hastened"),
    [([], True), (["-O"], True), (["-Xpycache_prefix=kept"], False)],
    ids=["usual", "optimised", "bytecode kept elsewhere"],
)
def test_hastened_imports_make_the_modules_that_python_makes(
    tmp_path: Path, more: list[str], is_hastened: bool
) -> None:
    # Of the hastened, the first finds no bytecode.
    first, second, slow = [
        run([PYTHON, "-IS", *more, "-c", TOLD.replace("HASTEN", hasten)], tmp_path) for hasten in (HASTEN, HASTEN, "")
    ]
    names = {*slow.stderr.split()}
    assert {"ocidiet.system", "ocidiet.cli.pack", "ocidiet.closure"} < names
    assert names <= {*first.stderr.split()}
    assert {*second.stderr.split()} == (set() if is_hastened else {*first.stderr.split()})
    lines = [line for line in second.stdout.splitlines() if line.split()[0] in {"ocidiet", *names}]
    assert (first.stdout, lines) == (second.stdout, slow.stdout.splitlines())


def test_a_page_that_is_imported_already_stays() -> None:
    code = f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); import ocidiet; ocidiet.is_tool = True"
    code += "; from ocidiet import errors, fs; ocidiet.hasten(f'{ocidiet.STARTING} {ocidiet.RESOLVING}')"
    code += (
        "; from ocidiet import closure; print(sys.modules['ocidiet.errors'] is errors, closure.OpenFile is fs.OpenFile)"
    )
    assert done([PYTHON, "-ISc", code]) == "True True\n"


def test_a_page_that_fails_is_told_alike_with_and_without_bytecode(package: Path) -> None:
    with (package / "elf/__init__.py").open("a") as page:
        page.write("raise RuntimeError\n")
    run([PYTHON, "-m", "compileall", "-q", package], package)
    first, second = [run([PYTHON, "-IS", package / "__main__.py", "list", "/bin/sh"], package) for _ in range(2)]
    assert (first.returncode, first.stderr.count("Traceback")) == (70, 1)
    assert (second.returncode, second.stderr.count("Traceback")) == (70, 1)


def test_only_the_tool_s_own_process_hastens() -> None:
    code = f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); import ocidiet; ocidiet.hasten(ocidiet.STARTING)"
    assert done([PYTHON, "-ISc", f"{code}; print([*sys.modules][-1])"]) == "ocidiet\n"


@pytest.mark.parametrize(
    ("mode", "changed", "more", "told", "after"),
    [
        (Mode.TIMESTAMP, False, [], "kept", "kept"),
        (Mode.TIMESTAMP, True, [], "new", "new"),
        (Mode.TIMESTAMP, True, ["-B"], "new", "kept"),
        (Mode.CHECKED_HASH, True, [], "new", "new"),
        (Mode.UNCHECKED_HASH, True, [], "kept", "kept"),
        (None, True, [], "new", "new"),
        (None, True, ["-B"], "new", ""),
    ],
    ids=[
        "of the source",
        "stale",
        "stale, none to be written",
        "stale hash",
        "hash not to be checked",
        "none",
        "none to be written",
    ],
)
def test_bytecode_is_taken_and_renewed_as_python_does(
    package: Path, mode: Mode | None, changed: bool, more: list[str], told: str, after: str
) -> None:
    source, kept = package / "cli/__init__.py", package / f"cli/__pycache__/__init__.{sys.implementation.cache_tag}.pyc"
    text = source.read_text()
    source.write_text(text.replace("ocidiet: error:", "kept   : error:"))
    others = "import compileall, sys; compileall.compile_dir(sys.argv[1], quiet=1)"
    run([PYTHON, "-c", others, package], package)
    kept.unlink()
    os.utime(source, (1, 1))
    if mode is not None:
        py_compile.compile(os.fspath(source), invalidation_mode=mode)
    state = source.stat()
    source.write_text(text.replace("ocidiet: error:", "new    : error:"))
    assert source.stat().st_size == state.st_size
    os.utime(source, (2, 2) if changed else (1, 1))
    ended = run([PYTHON, "-IS", *more, package / "__main__.py", "--none"], package)
    assert (ended.returncode, ended.stderr.split()[0]) == (2, told)
    data = kept.read_bytes() if kept.exists() else b""
    assert [word for word in ("kept", "new") if f"{word:7}: error:".encode() in data] == ([after] if after else [])


def test_folder_counts_before_what_an_older_release_left_beside_it(package: Path) -> None:
    (package / "errors.py").write_text("raise RuntimeError\n")
    assert run([PYTHON, "-IS", package / "__main__.py", "--version"], package).stderr == ""


def test_page_longer_than_is_read_at_once_is_read_whole(package: Path) -> None:
    with (package / "errors/__init__.py").open("a") as page:
        page.write("".join(f"NAME_{number} = {number}.5\n" for number in range(9000)))
    first, second = [done([PYTHON, "-IS", package / "__main__.py", "--version"]) for _ in range(2)]
    assert (package / f"errors/__pycache__/__init__.{sys.implementation.cache_tag}.pyc").stat().st_size > 1 << 16
    assert first == second


def test_page_that_comes_in_parts_is_read_whole(package: Path) -> None:
    parts = "import posix; read = posix.read; posix.read = lambda fd, size: read(fd, min(size, 100))"
    code = f"{parts}; import sys; sys.path.insert(0, ''); import ocidiet; ocidiet.run()"
    first, second = [done([PYTHON, "-IS", "-c", code, "--version"], package.parent) for _ in range(2)]
    assert (first, second.partition(" ")[0]) == (second, "ocidiet")


def test_defect_is_told_with_the_source_where_it_lies_now(package: Path) -> None:
    (package / "cli/texts.py").write_text("raise RuntimeError\n")
    main = [PYTHON, "-IS", "ocidiet/__main__.py", "--version"]
    run(main, package.parent)
    moved = package.parent / "moved"
    moved.mkdir()
    package.rename(moved / "ocidiet")
    page = f'File "{moved}/ocidiet/cli/texts.py", line 1, in <module>\n    raise RuntimeError\n'
    assert page in run(main, moved).stderr


def test_by_path_the_package_is_found_and_hides_no_other(package: Path) -> None:
    (package / "cli/__init__.py").write_text("import sys\ndef main(): return print(sys.path, flush=True) or 0\n")
    (package.parent / "link").symlink_to(package.name)
    for name in (package.name, "link"):
        for way in ([], ["-I"]):
            ways = ast.literal_eval(done([PYTHON, *way, package.parent / name / "__main__.py"]))
            assert (ways[0], [way for way in ways if name in way.split("/")]) == (str(package.parent), [])


def test_the_rest_of_future_is_there_for_who_asks() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); import ocidiet; ocidiet.is_tool = True; ocidiet.hasten('')"
    )
    code += "; import __future__ as light; print(light.annotations, light.all_feature_names[-1])"
    code += "; import __future__; print(__future__.annotations.compiler_flag > 0)"
    assert done([PYTHON, "-ISc", code]) == "None annotations\nTrue\n"
