"""A case, built: what its `build.sh` left, and what it said."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.loader.laws import HERE
from tests.support import clean_env, done, need, run
from tests.unit.elfmaker import INTERP

LIBC = "/lib/x86_64-linux-gnu/libc.so.6"
WORDS = f". {HERE}/words.sh\n"
"""What a case's text goes behind."""

LEVELS = ("x86-64-v2", "x86-64-v3", "x86-64-v4")

# What other loaders than this machine's, or not in this way, are asked for.
SPECIAL = {"root", "musl", "option", "told", "next", "INTERP"}


def make_objects(made: Path) -> None:
    """What the words of the cases link into their programs and roots, made once: `$OBJECTS`."""
    need("cc", INTERP, LIBC)
    done(["cc", "-c", "-o", made / "main.o", HERE / "main.c"])
    done(["cc", "-c", "-o", made / "empty.o", "-x", "c", "/dev/null"])
    done(["cc", "-shared", "-fPIC", "-o", made / "tell.so", HERE / "tell.c"])
    for path in (INTERP, LIBC):
        shutil.copy(path, made)
    if shutil.which("musl-gcc"):
        done(["musl-gcc", "-c", "-o", made / "musl.o", HERE / "main.c"])
        shutil.copy("/lib/x86_64-linux-musl/libc.so", made)


def words(text: str) -> set[str]:
    """The words that a case's text uses."""
    return set(re.findall(r"^\w+", text, re.MULTILINE))


def is_plain(directory: Path) -> bool:
    """Whether a case is of one program, which a loader of glibc's lists without being told anything."""
    text = (directory / "build.sh").read_text()
    beyond = any(text_of_it in text for text_of_it in ("-dynamic-linker", "mv program program"))
    return directory.name < "3" and not beyond and not words(text) & SPECIAL


class Case:
    """The directory of a case; its `programs` and `interp` are paths as the loader has them."""

    def __init__(self, directory: Path, top: Path, objects: Path) -> None:
        self._aside = top / "aside"
        cwd = top / "cwd"
        for made in (self._aside, cwd):
            made.mkdir()
        text = (directory / "build.sh").read_text()
        used = words(text)
        if "musl" in used:
            need("musl-gcc")
        if "root" in used:
            need("ldconfig", root=True)
        env = clean_env(CASES=str(HERE), ASIDE=str(self._aside), OBJECTS=str(objects))
        done(["sh", "-c", WORDS + text], cwd, env)
        self.root = f"{cwd}/root" if (cwd / "root").is_dir() else ""
        self.cwd = "/" if self.root else str(cwd)
        names = sorted(path.name for path in Path(self.root or cwd).glob("program*"))
        self.programs = [f"{self.cwd.rstrip('/')}/{name}" for name in names or ["program"]]
        self.interp = self._noted("interp") or INTERP
        lines = self._noted("options").splitlines()
        self.options = dict(line.removeprefix("--").split("\t") for line in lines)

    def _noted(self, name: str) -> str:
        return (self._aside / name).read_text() if self.told(name) else ""

    def told(self, word: str) -> bool:
        """Whether the case said so."""
        return (self._aside / word).exists()

    def levels(self) -> list[str]:
        """The levels that the case is looked at with, of those that this machine has; "" is the baseline."""
        if not self.told("levels"):
            return [""]
        asked = self.options.get("hwcaps", ",".join(LEVELS)).split(",")
        known = re.findall(r"(\S+) \(supported, searched\)", done([INTERP, "--help"]))
        return ["", *(level for level in LEVELS if level in asked and level in known)]

    def started(self, argv: Sequence[str], **env: str) -> tuple[str, str, int] | OSError:
        """What a process says on standard output and error, and its status; or why it did not start."""

        def enter() -> None:
            os.chroot(self.root)
            os.chdir("/")

        try:
            ended = run(argv, env=clean_env(**env), **({"preexec_fn": enter} if self.root else {"cwd": self.cwd}))
        except OSError as error:
            return error
        return ended.stdout, ended.stderr, ended.returncode

    def tidy(self, path: str) -> str:
        """`path`, as told by a process of the case, absolute."""
        return os.path.normpath(os.path.join(self.cwd, path))

    def is_script(self, path: str) -> bool:
        """Whether `path`, as a process of the case has it, is a text that begins with `#!`."""
        try:
            with open(self.root + self.tidy(path), "rb") as stream:
                return stream.read(2) == b"#!"
        except OSError:
            return False

    def configs(self) -> list[Path]:
        """The loader's own files that are there, but ld.so.cache."""
        top = Path(self.root or self.cwd)
        return [path for path in (top / "etc/ld.so.preload", *top.glob("**/etc/ld-musl-*.path")) if path.is_file()]
