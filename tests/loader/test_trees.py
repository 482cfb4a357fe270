"""Every program and library of other trees, seen from outside: another glibc, another architecture.

The trees are Debian packages, unpacked once and kept in a cache directory: $OCIDIET_TEST_CACHE, by
default ~/.cache/ocidiet-tests. The oracle is the tree's own loader, in a chroot, where it must be by qemu.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import time
from pathlib import Path

import pytest

from ocidiet.closure import Facts, Resolver
from ocidiet.fs import DiskRoot, Look, Record
from ocidiet.model import HostPath, NamedTuple, ReachedBy, Search
from tests.loader.case import WORDS, is_plain
from tests.loader.laws import CASES
from tests.loader.oracle import (
    TRACED,
    Told,
    counted,
    differing,
    elf_files,
    hwcaps,
    listed,
    normal,
    resolved,
    told_by_ocidiet,
    told_by_the_loader,
)
from tests.support import clean_env, done, mirror, need, run

pytestmark = pytest.mark.slow

SUITE = "sid"
PACKAGES = (
    "libc-bin,coreutils,git,python3,perl,curl,gnupg,openssh-client,libpam-modules,systemd,samba-libs,smbclient,vim-nox"
)
SEARCH = Search(HostPath("/"))
GIT = "/usr/bin/git"
# For a CPU with and one without the better levels: the libraries of these names stand in these subdirectories, too.
HWCAPS = {"x86-64-v2": "libz.so.1", "x86-64-v3": "libz.so.1", "x86-64-v4": "libpcre2-8.so.0"}
LD_SO_CONF = "include /etc/ld.so.conf.d/*.conf\n"


class Kind(NamedTuple):
    """A tree to be made."""

    architecture: str
    multiarch: str
    machine: str
    interp: str
    qemu: str
    """"" where this machine's own CPU will do."""

    def recipe(self) -> list[str]:
        """The tool that unpacks it, without the place and the mirror."""
        return [
            "mmdebstrap",
            "--mode=root",
            "--variant=extract",
            f"--architectures={self.architecture}",
            f"--include={PACKAGES}",
            "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
            # A mirror that stands still is as good here.
            '--aptopt=Acquire::Check-Valid-Until "false"',
            '--aptopt=Acquire::Retries "3"',
            SUITE,
        ]

    def start(self, tree: str, *variables: str) -> list[str]:
        """What starts a program of the tree, with these environment variables."""
        words = [word for variable in variables for word in (["-E", variable] if self.qemu else [variable])]
        if self.qemu:
            return ["chroot", tree, f"/{self.qemu}", *words]
        return ["chroot", tree, "/usr/bin/env", *words]


KINDS = [
    Kind("amd64", "x86_64-linux-gnu", "EM_X86_64", "/lib64/ld-linux-x86-64.so.2", ""),
    Kind("arm64", "aarch64-linux-gnu", "EM_AARCH64", "/lib/ld-linux-aarch64.so.1", "qemu-aarch64-static"),
]


def made(kind: Kind) -> str:
    """The cached tree, made where it is not there yet."""
    need("mmdebstrap", "apt-get", "chroot", *([kind.qemu] if kind.qemu else []), root=True)
    top = Path(os.environ.get("OCIDIET_TEST_CACHE") or Path("~/.cache/ocidiet-tests").expanduser())
    digest = hashlib.sha256(repr((kind, kind.recipe(), LD_SO_CONF, HWCAPS)).encode()).hexdigest()[:8]
    tree = top / f"{SUITE}-{kind.architecture}-{digest}"
    if tree.exists():
        return str(tree)
    top.mkdir(parents=True, exist_ok=True)
    new = tree.with_suffix(".new")
    for attempt in range(3):
        time.sleep(5 * attempt)
        shutil.rmtree(new, ignore_errors=True)
        ended = run([*kind.recipe(), new, mirror()])
        if ended.returncode == 0:
            break
    else:
        shutil.rmtree(new, ignore_errors=True)
        pytest.skip(f"no {kind.architecture} tree from the mirror: {ended.stderr.strip().splitlines()[-3:]}")
    (new / "proc").mkdir(exist_ok=True)
    (new / "etc/ld.so.conf").write_text(LD_SO_CONF)
    if kind.qemu:
        shutil.copy(shutil.which(kind.qemu) or "", new)
    libraries = new / "usr/lib" / kind.multiarch
    for level, name in HWCAPS.items():
        (libraries / "glibc-hwcaps" / level).mkdir(parents=True)
        shutil.copy(libraries / name, libraries / "glibc-hwcaps" / level)
    done([*kind.start(str(new)), "/sbin/ldconfig"])
    new.rename(tree)
    return str(tree)


class Examined(NamedTuple):
    """A tree and what its own loader said of it."""

    tree: str
    files: dict[str, str | None]
    loaders: dict[str, Told]
    cpu: list[str]


@functools.cache
def examined(kind: Kind) -> Examined:
    """The tree, with each of its programs and libraries listed."""
    tree = made(kind)
    interps = elf_files(tree, kind.machine, "/usr")
    files = {path: interp for path, interp in interps.items() if interp in (kind.interp, None)}
    return Examined(
        tree,
        files,
        told_by_the_loader(kind.start(tree, TRACED), kind.interp, files),
        hwcaps(kind.start(tree), kind.interp),
    )


class Uncached(DiskRoot):
    """A tree in which ldconfig has not run."""

    def look(self, path: str) -> Look:
        return Look("absent") if path == "/etc/ld.so.cache" else super().look(path)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.architecture)
def test_trees_every_program_and_library_has_the_objects_that_its_loader_lists(
    kind: Kind, capsys: pytest.CaptureFixture[str]
) -> None:
    tree, files, loaders, cpu = examined(kind)
    ours, further = told_by_ocidiet(DiskRoot(tree, Record()), files, cpu, SEARCH)
    with capsys.disabled():
        print(f"\n{counted(files, loaders, further)}")
    assert differing(ours, loaders) == {}
    assert len(files) > 500
    assert further[ReachedBy.DLOPEN_NOTE] > 0
    assert any("/glibc-hwcaps/" in path for path in loaders[GIT][0]) == bool(cpu)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.architecture)
def test_trees_without_a_cache_are_read_as_ldconfig_would_leave_them(kind: Kind) -> None:
    tree, files, loaders, cpu = examined(kind)
    assert differing(told_by_ocidiet(Uncached(tree, Record()), files, cpu, SEARCH)[0], loaders) == {}


def test_trees_a_lesser_cpu_sees_what_its_loader_lists() -> None:
    kind = KINDS[0]
    tree = made(kind)
    cpu = hwcaps(kind.start(tree), kind.interp)
    root = DiskRoot(tree, Record())
    resolver = Resolver(root, Facts(), SEARCH)
    masks = [cpu[number:] for number in range(len(cpu) + 1)]
    told = [resolved(resolver, root, GIT, mask) for mask in masks]
    start = [*kind.start(tree, TRACED), kind.interp, "--glibc-hwcaps-mask"]
    assert told == [listed([*start, ":".join(mask) or "none", GIT], kind.interp) for mask in masks]
    assert (len(set(told)) > 1) == bool(cpu)


@pytest.mark.parametrize("case", [case for case in CASES if is_plain(case)], ids=lambda case: case.name)
def test_trees_newer_loader_and_ocidiet_open_the_same(case: Path, tmp_path: Path, objects: Path) -> None:
    need("cc", "unshare")
    kind = KINDS[0]
    tree = made(kind)
    cwd = tmp_path / "cwd"
    cwd.mkdir()
    env = clean_env(OBJECTS=str(objects), ASIDE=str(tmp_path))
    done(["sh", "-c", WORDS + (case / "build.sh").read_text()], cwd, env)
    inside = Path(tree + str(cwd))
    shutil.copytree(cwd, inside, symlinks=True)
    try:
        program = str(cwd / "program")
        root = DiskRoot(tree, Record())
        ours = resolved(Resolver(root, Facts(), Search(HostPath(str(cwd)))), root, program)
        # The loader reads $ORIGIN of a program in /proc.
        start = ["unshare", "--mount-proc", f"--root={tree}", f"--wd={cwd}", "/usr/bin/env", TRACED, program]
        assert normal(ours, cwd) == normal(listed(start, kind.interp), cwd)
    finally:
        shutil.rmtree(inside)
