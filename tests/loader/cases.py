"""What the real loader and the kernel do with a case."""

from __future__ import annotations

import os
import re
from itertools import product

from ocidiet.model import NamedTuple
from tests.loader.case import LEVELS, Case
from tests.support import done
from tests.unit.elfmaker import INTERP

Opened = list[str] | str
"""The opened paths, in the loader's order; or why there are none."""

REFUSED = "refused"
NO_INTERP = "not found: the interpreter"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_VARIABLES = {"library-path": "LD_LIBRARY_PATH", "preload": "LD_PRELOAD"}


class Told(NamedTuple):
    """A whole answer."""

    opened: dict[tuple[str, str], Opened]
    """For each program, and each level of CPUs."""
    configs: list[str]
    """The loader's own files without which it would open something else."""
    ignored: list[str]
    """What it says to ignore."""


def not_found(names: list[str]) -> str:
    """The answer where names were not found."""
    return f"not found: {sorted(set(names))}"


def told_by_the_loader(case: Case) -> Told:
    """The loader's answer; ldconfig(8) runs first where the case says so."""
    if case.told("ldconfig"):
        done(["ldconfig", "-r", case.root])
    opened, ignored = _all(case)
    configs = []
    for path in case.configs():
        away = path.with_name("away")
        path.rename(away)
        if any(isinstance(answer, list) for answer in opened.values()) and _all(case)[0] != opened:
            configs.append(str(path).removeprefix(case.root))
        away.rename(path)
    return Told(opened, configs, ignored)


def _all(case: Case) -> tuple[dict[tuple[str, str], Opened], list[str]]:
    env = {_VARIABLES[name]: value for name, value in case.options.items() if name in _VARIABLES}
    if case.told("script"):
        env |= {"LD_PRELOAD": "/tell.so", "PATH": PATH}
    else:
        env["TELL" if case.told("runs") else "LD_TRACE_LOADED_OBJECTS"] = "1"
    opened: dict[tuple[str, str], Opened] = {}
    ignored: list[str] = []
    for program, level in product(case.programs, case.levels()):
        argv = [program]
        if case.told("levels"):
            mask = ":".join(LEVELS[: LEVELS.index(level) + 1] if level else ["none"])
            argv = [case.interp, "--glibc-hwcaps-mask", mask, program]
        elif case.told("listed"):
            argv = [case.interp, "--list", program]
        ended = case.started(argv, **env)
        if isinstance(ended, OSError):
            lacks = isinstance(ended, (FileNotFoundError, PermissionError)) and os.path.isfile(case.root + program)
            opened[program, level] = NO_INTERP if lacks else REFUSED
        else:
            opened[program, level] = _opened(case, program, *ended)
            ignored += re.findall(r"^ERROR: .*?object '(.+?)' .*ignored[.]$", ended[1], re.MULTILINE)
    return opened, ignored


def _opened(case: Case, program: str, stdout: str, stderr: str, status: int) -> Opened:
    lines = [re.sub(r" \(0x[0-9a-f]+\)$", "", line.strip()) for line in stdout.splitlines()]
    missing = [line.removesuffix(" => not found") for line in lines if line.endswith(" => not found")]
    missing += re.findall(r"shared libraries: (.+?): cannot open shared object file: No such file", stderr)
    missing += re.findall(r"^Error loading shared library (.*?): ", stderr, re.MULTILINE)
    missing += re.findall(r"env: .(.+?).: No such file or directory", stderr)
    if missing:
        return not_found(missing)
    if status:
        return REFUSED
    if case.told("script"):
        return [path for process in stderr.split("\2")[:-1] for path in _process(case, process)]
    if case.told("runs") and not case.told("listed"):
        paths = stdout.split("\0")
    else:
        paths = [line.partition(" => ")[2] or line for line in lines if line != "statically linked"]
    own = ["", "linux-vdso.so.1", "/proc/self/exe", program, case.interp]
    own += map(os.path.realpath, own[3:])
    paths = [path for path in paths if path not in own]
    return sorted(set(paths)) if case.told("runs") and not case.told("musl") else [*map(case.tidy, paths)]


def _process(case: Case, text: str) -> list[str]:
    """The scripts that one process went through, its program, and what is mapped in it; as told by tell.c."""
    words, objects = (part.split("\0")[:-1] for part in text.rpartition("\n")[2].split("\1"))
    asked, *argv = words
    scripts: list[str] = []
    if case.is_script(asked):
        scripts = [word for word in argv[argv.index(asked) : 0 : -1] if case.is_script(word)]
        asked = argv[0]
    own = ("", "linux-vdso.so.1", "/tell.so", INTERP)
    return [case.tidy(path) for path in (*scripts, asked, *(path for path in objects if path not in own))]
