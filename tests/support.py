"""What the tests share: the tool, the compiler, the container engines, and the rule for skipping."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
MAIN = CHECKOUT / "ocidiet" / "__main__.py"
MAKEFILE = CHECKOUT / "make" / "ocidiet.mk"
PYTHON = sys.executable
HELLO = '#include <stdio.h>\nint main(void) { puts("Hello World"); return 0; }\n'
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
"""Of every tool that a test runs."""

# What a podman needs inside a container that forbids it namespaces of its own and higher limits.
PODMAN_RUN = ["--network=none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"]


def need(*tools: str, root: bool = False) -> None:
    """Skip the test, visibly, where a tool or root's rights are missing."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    if root and os.geteuid() != 0:
        pytest.skip("needs root")


def clean_env(**more: str) -> dict[str, str]:
    """An environment in which nothing of the caller's leaks into a tool: PATH and HOME alone."""
    return {"PATH": PATH, "HOME": os.environ.get("HOME", "/"), "LC_ALL": "C.UTF-8", **more}


def run(
    argv: Sequence[str | Path], cwd: Path | None = None, env: dict[str, str] | None = None, **more: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; its text output is kept, its status not judged."""
    return subprocess.run(
        [os.fspath(word) for word in argv],
        cwd=cwd,
        env=clean_env() if env is None else env,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
        **more,
    )


def done(argv: Sequence[str | Path], cwd: Path | None = None, env: dict[str, str] | None = None, **more: Any) -> str:
    """Run a command that must succeed; returns its standard output."""
    ended = run(argv, cwd, env, **more)
    assert ended.returncode == 0, f"{argv}\n{ended.stdout}{ended.stderr}"
    return ended.stdout


def ocidiet(*args: str | Path, cwd: Path | None = None, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run the checkout's tool, as the Make include does."""
    return run([PYTHON, "-IS", MAIN, *args], cwd, **more)


def cc(output: Path, source: str = HELLO, *flags: str | Path, compiler: str = "cc") -> Path:
    """Compile C (or with `c++`, C++) text into `output`, whose directory is made."""
    need(compiler)
    output.parent.mkdir(parents=True, exist_ok=True)
    language = "c++" if compiler.endswith("++") else "c"
    done([compiler, "-o", output, "-x", language, "-", "-x", "none", *flags], input=source)
    return output


def library(
    output: Path, source: str = "int f(void) { return 0; }\n", *flags: str | Path, compiler: str = "cc"
) -> Path:
    """Compile C text into a shared library with its file's name as SONAME."""
    return cc(output, source, "-shared", "-fPIC", f"-Wl,-soname,{output.name}", *flags, compiler=compiler)


def copy_checkout(top: Path) -> None:
    """A fresh clone, but of the working tree."""
    need("git")
    listed = ["git", "-c", f"safe.directory={CHECKOUT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in done(listed, CHECKOUT).split("\0"):
        if name and (CHECKOUT / name).is_file():
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CHECKOUT / name, top / name)


def in_chroot(root: Path, *command: str) -> str:
    """What `command` writes with `root` as its root; $ORIGIN needs /proc there."""
    need("chroot", "unshare", root=True)
    (root / "proc").mkdir(exist_ok=True)
    mounted = 'mount --rbind /proc "$0/proc" && exec chroot "$0" "$@"'
    return done(["unshare", "--mount", "sh", "-c", mounted, root, *command])


def mirror() -> str:
    """The Debian mirror from which this machine's apt is served."""
    which = ["Origin: Debian", "Label: Debian", "Component: main", "Created-By: Packages"]
    uris = done(["apt-get", "indextargets", "--format", "$(REPO_URI)", *which]).split()
    if not uris:
        pytest.skip("apt has no Debian mirror here")
    return uris[0]


class Engine:
    """A container engine: docker or podman, with the options that it needs here."""

    def __init__(self, argv: list[str], run_options: list[str], env: dict[str, str]) -> None:
        self.argv = argv
        self.run_options = run_options
        self.env = env

    def __call__(self, *args: str | Path, **more: Any) -> str:
        """Run the engine with `args`; it must succeed. Returns its standard output."""
        return done([*self.argv, *args], env=self.env, **more)

    def run(self, image: str, *args: str) -> str:
        """The standard output of a container of `image`."""
        return self("run", "--rm", *self.run_options, image, *args)


# Base images -----------------------------------------------------------------------------------------

TRIPLET = done(["cc", "-print-multiarch"]).strip() if shutil.which("cc") else ""
# Path -> a link's text, a file of this machine, or None for a marker. busybox is its own kind of marker.
Layout = dict[str, "str | Path | None"]
MERGED: Layout = {
    "bin": "usr/bin",
    "sbin": "usr/sbin",
    "lib": "usr/lib",
    "lib64": "usr/lib64",
    "usr/bin/busybox": None,
    "usr/bin/sh": "busybox",
    "usr/sbin/tool": "../bin/busybox",
    f"usr/lib/{TRIPLET}/libmarker.so.1.0": None,
    f"usr/lib/{TRIPLET}/libmarker.so.1": "libmarker.so.1.0",
    "usr/lib64/libmarker64.so": None,
    "var/run": "/run",
    "run/marker": None,
}
BASES: dict[str, Layout] = {
    "scratch": {},
    "busybox": {
        "bin/busybox": None,
        "bin/sh": "busybox",
        "sbin/tool": "/bin/busybox",
        "lib/libmarker.so": None,
        "lib64/libmarker64.so": None,
        "usr/lib/libmarker.so": None,
        "var/run/marker": None,
    },
    "lib64-to-lib": {
        "bin/busybox": None,
        "bin/sh": "busybox",
        "lib/libmarker.so": None,
        f"lib/{TRIPLET}/libmarker.so": None,
        "lib64": "lib",
    },
    "merged": MERGED,
    "merged-by-absolute-links": {**MERGED, **{name: f"/usr/{name}" for name in ("bin", "sbin", "lib", "lib64")}},
    "one-lib-one-bin": {
        "bin": "usr/bin",
        "sbin": "usr/bin",
        "lib": "usr/lib",
        "lib64": "usr/lib",
        "usr/bin/busybox": None,
        "usr/bin/sh": "busybox",
        "usr/lib/libmarker.so": None,
        "usr/lib64": "lib",
        "usr/sbin": "bin",
    },
}
Member = tuple[bytes, int, str, str]
"""(type, mode, link text, digest)"""


def members(path: Path) -> dict[str, Member]:
    """What each name of an exported file system is."""
    found = {}
    with tarfile.open(path) as tar:
        for member in tar:
            payload = tar.extractfile(member) if member.isreg() else None
            digest = hashlib.sha256(payload.read()).hexdigest() if payload else ""
            found[member.name.removeprefix("./")] = (member.type, member.mode, member.linkname, digest)
    return found


def base_tar(layout: Layout, home: Path) -> Path:
    """A tar of the file system that `layout` describes."""
    need("busybox", "tar")
    for name, text in layout.items():
        path = home / "base" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, str):
            path.symlink_to(text)
        elif text is not None:
            shutil.copy(text, path)
        elif path.name == "busybox":
            shutil.copy("/bin/busybox", path)
        else:
            path.write_text(f"marker at {name}\n")
    for name, mode in {"tmp": 0o1777, "var/tmp": 0o1777, "root": 0o700}.items():
        (home / "base" / name).mkdir(parents=True)
        (home / "base" / name).chmod(mode)
    done(["tar", "-C", home / "base", "--owner=0", "--group=0", "-cf", home / "base.tar", "."])
    return home / "base.tar"


class Builder:
    """What builds images of a Dockerfile: docker's classic builder, or podman."""

    def __init__(self, engine: Engine, home: Path) -> None:
        self._engine = engine
        self._home = home

    def base(self, tar: Path) -> str:
        """An image of the file system in `tar`."""
        return self._engine("import", tar).strip()

    def add(self, base: str, *tars: Path) -> str:
        """The image that `ADD` of `tars` to `/` makes of `base`."""
        context = self._home / "context"
        context.mkdir()
        for tar in tars:
            shutil.copy(tar, context)
        added = " ".join(tar.name for tar in tars)
        (context / "Dockerfile").write_text(f'FROM {base}\nADD {added} /\nCMD ["none"]\n')
        return self._engine("build", "--quiet", "--force-rm", context).strip()

    def run(self, image: str, *command: str) -> str:
        """What `command` writes in a container of `image`."""
        return self._engine.run(image, *command)

    def export(self, image: str, name: str) -> dict[str, Member]:
        """The file system of `image`."""
        container = self._engine("create", *self._engine.run_options, image, "none").strip()
        self._engine("export", "--output", self._home / name, container)
        self._engine("rm", container)
        return members(self._home / name)
