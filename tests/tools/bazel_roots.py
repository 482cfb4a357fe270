"""Roots for Bazel: a few files of the system that a lab's compiler links against, in each form that a rule takes."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support import TRIPLET, done
from tests.tools.bazel_lab import Workspace

DIRECTORY = f"usr/lib/{TRIPLET}"
LOADER = "ld-linux-x86-64.so.2"
LIBC = (LOADER, "libc.so.6")
LIBRARIES = (*LIBC, "libm.so.6", "libgcc_s.so.1", "libstdc++.so.6", "libz.so.1")
LINKS = {
    "bin": "usr/bin",
    "lib": "usr/lib",
    "lib64": "usr/lib64",
    "usr/bin/sh": "dash",
    f"usr/lib64/{LOADER}": f"../lib/{TRIPLET}/{LOADER}",
}


def put(workspace: Workspace) -> None:
    """The roots of rules/tests: roots/files with roots/links, roots/root.tar, and roots/bare."""
    roots, top = workspace.path / "roots", workspace.lab.top
    files, links = roots / "files", dict(LINKS)
    (files / "usr/bin").mkdir(parents=True)
    shutil.copy(top / "usr/bin/dash", files / "usr/bin")
    for name in LIBRARIES:
        real = (top / DIRECTORY / name).resolve().name
        _copy(top / DIRECTORY / real, files / DIRECTORY / real)
        if real != name:
            links[f"{DIRECTORY}/{name}"] = real
        if name in LIBC:
            _copy(top / DIRECTORY / real, roots / "bare" / DIRECTORY / name)
    _copy(top / DIRECTORY / LOADER, roots / "bare/lib64" / LOADER)
    for place, target in links.items():
        (files / place).parent.mkdir(parents=True, exist_ok=True)
        (files / place).symlink_to(target)
    (roots / "links").write_text("".join(f"/{place}\t{target}\n" for place, target in sorted(links.items())))
    names = sorted(path.name for path in files.iterdir() if path.name != "BUILD.bazel")
    done(["tar", "-C", files, "-cf", roots / "root.tar", *names])


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
