"""The room `system`: what serves as `os` answers as `os` does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ocidiet import system
from tests.support import done

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


def test_what_is_not_here_comes_from_os() -> None:
    assert (LIGHT.environ, LIGHT.path.join, LIGHT.open) == (os.environ, os.path.join, os.open)
    with pytest.raises(AttributeError):
        LIGHT.none  # noqa: B018


@pytest.mark.parametrize(("before", "told"), [("", "False"), ("import os; ", "True")], ids=["bare", "imported"])
def test_os_itself_serves_where_it_is_imported_already(before: str, told: str) -> None:
    code = f"{before}import sys; sys.path.insert(0, {str(Path(system.__file__).parent.parent)!r})"
    code += "; from ocidiet.system import os; print('os' in sys.modules and os is sys.modules['os'])"
    assert done([sys.executable, "-ISc", code]) == f"{told}\n"
