"""What the tests share: the tool, the compiler, the container engines, and the rule for skipping."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
MAIN = CHECKOUT / "ocidiet" / "__main__.py"
MAKEFILE = CHECKOUT / "make" / "ocidiet.mk"
PYTHON = sys.executable
HELLO = '#include <stdio.h>\nint main(void) { puts("Hello World"); return 0; }\n'

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
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": os.environ.get("HOME", "/"), "LC_ALL": "C.UTF-8", **more}


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
