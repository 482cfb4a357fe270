"""Declared inputs: a build system's files by their places, opened through a sandbox' links; nothing else is there."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ocidiet import cli
from tests.unit.elfmaker import INTERP, LOADER, lay, make, program

LIBC = make(soname="libc.so.6")
SYSTEM = {INTERP: LOADER, "/usr/lib64/libc.so.6": LIBC}
# As Bazel has them below its bin directory.
APP = {
    "app/app": program("libgreet.so", "libc.so.6", runpath="$ORIGIN/../_solib_k8"),
    "_solib_k8/libgreet.so": make(soname="libgreet.so", needed=("libc.so.6",)),
}
APP_LISTING = [
    "lib64/ld-linux-x86-64.so.2",
    "usr/",
    "usr/bin/",
    "usr/bin/app",
    "usr/_solib_k8/",
    "usr/_solib_k8/libgreet.so",
    "usr/lib64/libc.so.6",
]
Files = Mapping[str, bytes]


class Action:
    """One action of a build system: its files in an execroot, and a sandbox that is links to them."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.sandbox = home / "sandbox"
        self.sandbox.mkdir()

    def declare(self, option: str, files: Files, directory: str = "") -> list[str]:
        """An option and its values; the sandbox' files are links to links."""
        values = []
        for place, data in files.items():
            path = f"{directory or option[2:6]}/{place.lstrip('/')}"
            lay(self.home / "real", {path: data})
            for top, target in (("execroot", "real"), ("sandbox", "execroot")):
                link = self.home / top / path
                link.parent.mkdir(parents=True, exist_ok=True)
                if not link.is_symlink():
                    link.symlink_to(self.home / target / path)
            values.append(f"{place}\t{path}")
        return [option, *values]


@pytest.fixture
def action(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Action:
    made = Action(tmp_path)
    monkeypatch.chdir(made.sandbox)
    monkeypatch.setattr(cli, "_catch_signals", lambda: None)
    return made


@pytest.fixture
def said(action: Action, capfd: pytest.CaptureFixture[str]) -> Any:
    """Run `main` in the sandbox by a file of arguments: (exit code, standard error)."""
    del action

    def called(*argv: str) -> tuple[int, str]:
        Path("params").write_text("".join(f"{word}\n" for word in argv))
        return cli.main(["@params"]), capfd.readouterr().err

    return called


def listing(tar: str = "o.tar") -> list[str]:
    """`NAME/` for a directory, `NAME -> TEXT` for a link."""
    with tarfile.open(tar) as archive:
        kinds = {tarfile.DIRTYPE: "/", tarfile.SYMTYPE: " -> "}
        return [f"{member.name}{kinds.get(member.type, '')}{member.linkname}" for member in archive]


def test_declared_files_are_all_that_a_run_needs(action: Action, said: Any) -> None:
    build = action.declare("--tree-files", APP)
    root = action.declare("--root-files", {**SYSTEM, "/usr/lib64/libother.so": LIBC})
    assert said("-t", "o.tar", "-b", "app/app:/usr/bin/app", *root, *build, "--unused-inputs", "unused") == (0, "")
    assert sorted(listing()) == sorted(APP_LISTING)
    assert Path("unused").read_text() == "root/usr/lib64/libother.so\n"
    assert sorted(os.listdir()) == ["o.tar", "params", "root", "tree", "unused"]
