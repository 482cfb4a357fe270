"""Declared inputs: a build system's files by their places, opened through a sandbox' links; nothing else is there."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ocidiet import cli, tar, unused_inputs
from ocidiet.cli.options import parse, request
from ocidiet.errors import UsageError
from ocidiet.fs import declared
from ocidiet.fs.declared import lines
from ocidiet.model import HostPath
from ocidiet.model.declared import TREE, Declared
from ocidiet.model.image import Trace
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


def listing(path: str = "o.tar") -> list[str]:
    """`NAME/` for a directory, `NAME -> TEXT` for a link."""
    with tarfile.open(path) as archive:
        kinds = {tarfile.DIRTYPE: "/", tarfile.SYMTYPE: " -> "}
        return [f"{member.name}{kinds.get(member.type, '')}{member.linkname}" for member in archive]


def test_declared_files_are_all_that_a_run_needs(action: Action, said: Any) -> None:
    build = action.declare("--tree-files", APP)
    root = action.declare("--root-files", {**SYSTEM, "/usr/lib64/libother.so": LIBC})
    assert said("-t", "o.tar", "-b", "app/app:/usr/bin/app", *root, *build, "--unused-inputs", "unused") == (0, "")
    assert listing() == sorted(APP_LISTING)
    assert Path("unused").read_text() == "root/usr/lib64/libother.so\n"
    assert sorted(os.listdir()) == ["o.tar", "params", "root", "tree", "unused"]


@pytest.mark.parametrize(
    ("argument", "name"),
    [
        ("app/app:/usr/bin/app", "usr/bin/app"),
        ("./app//app:/usr/bin/app", "usr/bin/app"),
        ("=/bin/tool:/usr/bin/app", "usr/bin/app"),
        ("=/bin/tool", "bin/tool"),
        ("a b:/usr/bin/app", "usr/bin/app"),
        ("-x:/usr/bin/app", ""),
        ("./-x:/usr/bin/app", "usr/bin/app"),
    ],
)
def test_a_program_is_named_by_its_place(action: Action, said: Any, argument: str, name: str) -> None:
    static = make(dynamic=False)
    build = action.declare("--tree-files", {"app/app": static, "a b": static, "-x": static})
    root = action.declare("--root-files", {"/bin/tool": static})
    code, _ = said("-t", "o.tar", *root, *build, "-b", argument)
    assert (code, listing()[-1] if name else "") == (0 if name else 2, name)


# What a sandbox does ------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["links", "hard links", "copies", "not executable"])
def test_one_file_under_two_names_is_one_however_a_sandbox_has_it(action: Action, said: Any, how: str) -> None:
    shared = make(soname="libdep_so.so")
    tree = {
        "app": program("libdep_so.so", "libb.so", runpath="$ORIGIN/_solib_k8"),
        "_solib_k8/libdep_so.so": shared,
        "_solib_k8/libb.so": make(soname="libb.so", needed=("libdep_so.so",), runpath="$ORIGIN/../shared"),
        "shared/libdep_so.so": shared,
        "same": b"#!/bin/tool\n",
        "again": b"#!/bin/tool\n",
    }
    words = [
        *action.declare("--tree-files", tree),
        *action.declare("--root-files", {**SYSTEM, "/bin/tool": make(dynamic=False)}),
    ]
    for one, other in (("_solib_k8/libdep_so.so", "shared/libdep_so.so"), ("same", "again")):
        real = action.home / "real/tree" / other
        real.unlink()
        if how == "links":
            real.symlink_to(action.home / "real/tree" / one)
        elif how == "hard links":
            real.hardlink_to(action.home / "real/tree" / one)
        else:
            real.write_bytes(tree[one])
    if how == "not executable":
        for path in (action.home / "real").rglob("*"):
            path.chmod(0o644 if path.is_file() else 0o755)
    programs = ["app:/bin/app", "same:/usr/bin/x", "again:/usr/bin/y", "shared/libdep_so.so:/opt/libdep_so.so"]
    assert said("-t", "o.tar", "-b", *programs, *words, "--layout", "scratch") == (0, "")
    assert [name for name in listing() if not name.endswith("/")] == [
        "bin/_solib_k8/libb.so",
        "bin/_solib_k8/libdep_so.so",
        "bin/app",
        "bin/tool",
        "lib64/ld-linux-x86-64.so.2",
        "opt/libdep_so.so -> ../bin/_solib_k8/libdep_so.so",
        "usr/bin/x",
        "usr/bin/y -> x",
    ]
    with tarfile.open("o.tar") as archive:
        assert {member.mode for member in archive if member.isreg()} == {0o755}


@pytest.mark.parametrize(
    ("data", "mode"),
    [(make(), 0o755), (b"#!/bin/sh\n", 0o755), (b"#", 0o644), (b"", 0o644), (b"\x7fEL", 0o644), (b"text", 0o644)],
    ids=["ELF", "script", "comment", "empty", "short", "text"],
)
def test_a_mode_is_what_the_bytes_say(action: Action, said: Any, data: bytes, mode: int) -> None:
    words = action.declare("--tree-files", {"f": data})
    for bits in (0o755, 0o444):
        (action.home / "real/tree/f").chmod(bits)
        assert said("-t", "o.tar", "-e", "f:/f", *words) == (0, "")
        with tarfile.open("o.tar") as archive:
            assert [member.mode for member in archive] == [mode]


def test_a_directory_of_extras_is_what_is_declared_below_it(action: Action, said: Any) -> None:
    words = action.declare("--tree-files", {"out/d/x y": b"1", "out/d/sub/z": b"2", "out/other": b"3"})
    (action.sandbox / "tree/out/d/undeclared").write_bytes(b"")
    assert said("-t", "o.tar", "-e", "out/d:/etc", *words) == (0, "")
    assert listing() == ["etc/", "etc/sub/", "etc/sub/z", "etc/x y"]


# A root of declared files -------------------------------------------------------------------------

LIBZ = make(soname="libz.so.1")
COPIES = {"/usr/lib64/libz.so": LIBZ, "/usr/lib64/libz.so.1": LIBZ, "/usr/lib64/libz.so.1.2": LIBZ}


@pytest.mark.parametrize(
    ("files", "links", "names"),
    [
        (COPIES, "", ["usr/lib64/libz.so.1"]),
        (
            COPIES,
            "/usr/lib64/libz.so\tlibz.so.1.2\n/usr/lib64/libz.so.1\tlibz.so.1.2\n",
            ["usr/lib64/libz.so.1 -> libz.so.1.2", "usr/lib64/libz.so.1.2"],
        ),
        # Only what it leads to is declared.
        (
            {"/usr/lib64/libz.so.1.2": LIBZ},
            "/usr/lib64/libz.so.1\t/usr/lib64/libz.so.1.2",
            ["usr/lib64/libz.so.1 -> libz.so.1.2", "usr/lib64/libz.so.1.2"],
        ),
        # What it leads to is not: its own name has the bytes.
        ({"/usr/lib64/libz.so.1": LIBZ}, "/usr/lib64/libz.so.1\t/etc/alternatives/libz", ["usr/lib64/libz.so.1"]),
        (
            {"/usr/lib64/libz.so.1": LIBZ},
            "/usr/lib64/libz.so.1\tlibz.so.2\n/usr/lib64/libz.so.2\tlibz.so.1",
            None,
        ),
        # The listing is older than the link.
        (
            {**COPIES, "/usr/lib64/libz.so.1": LIBZ + b"!"},
            "/usr/lib64/libz.so.1\tlibz.so.1.2\n",
            ["usr/lib64/libz.so.1"],
        ),
        # A glob follows links between directories: all is there twice, or spelled through the link alone.
        (
            {"/lib64/libz.so.1": LIBZ, "/usr/lib64/libz.so.1": LIBZ},
            "/lib64\tusr/lib64",
            ["usr/lib64/libz.so.1"],
        ),
        ({"/lib64/libz.so.1": LIBZ}, "/lib64\tusr/lib64", ["usr/lib64/libz.so.1"]),
        ({}, "", None),
    ],
    ids=["copies", "links", "target", "lone", "loop", "turned", "twice", "lone directory", "missing"],
)
def test_the_root_s_links_are_what_is_told_of_them(
    action: Action, said: Any, files: Files, links: str, names: list[str] | None
) -> None:
    words = action.declare("--tree-files", {"app": program("libz.so.1")})
    words += action.declare("--root-files", {INTERP: LOADER, **files})
    Path("links").write_text(links)
    code, _ = said("-t", "o.tar", "-b", "app:/app", *words, "--root-links", "links")
    found = [name for name in listing() if "libz" in name] if code == 0 else None
    assert found == names


def test_libraries_of_one_size_are_not_compared_with_each_other(
    action: Action, said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {f"lib{number}.so": make(soname=f"lib{number}.so") + bytes(5000) for number in range(10, 30)}
    words = action.declare("--tree-files", {"app": program(*own, runpath="$ORIGIN"), **own})
    words += action.declare("--root-files", {INTERP: LOADER})
    compared: list[object] = []
    monkeypatch.setattr(declared, "equal", lambda *files: compared.append(files))
    assert said("-t", "o.tar", "-b", "app:/app", *words) == (0, "")
    assert (compared, set(own) - {name.rpartition("/")[2] for name in listing()}) == ([], set())


def test_what_is_told_to_be_executable_is_and_nothing_else(action: Action, said: Any) -> None:
    words = action.declare("--root-files", {"/bin/data": b"", "/bin/tool": make(dynamic=False), "/lib/l.so": make()})
    Path("links").write_text("/bin/data\n/bin/tool\n/bin/x\ttool\n")
    names = ["=/bin/data:/data", "=/bin/x:/x", "=/lib/l.so:/l"]
    assert said("-t", "o.tar", "-e", *names, *words, "--root-links", "links") == (0, "")
    with tarfile.open("o.tar") as archive:
        assert {member.name: member.mode for member in archive} == {"data": 0o755, "x": 0o755, "l": 0o644}


@pytest.mark.parametrize("text", ["usr\tx", "/usr\t", "\n/x\ty", " /x"])
def test_a_listing_of_links_that_is_none_is_refused(action: Action, said: Any, text: str) -> None:
    words = action.declare("--root-files", {"/f": b""})
    Path("links").write_text(text)
    told = "links: line 1: neither an absolute place, a tab and a link's text, nor a place"
    assert said("-t", "o.tar", "-e", "=/f", *words, "--root-links", "links") == (1, f"ocidiet: error: {told}\n")


def test_an_empty_root_is_one(action: Action, said: Any) -> None:
    words = action.declare("--tree-files", {"app": make(dynamic=False)})
    for root in ([], ["--root-files"]):
        assert said("-t", "o.tar", "-b", "app:/app", *root, *words) == (0, "")
        assert listing() == ["app"]


# What is not read ---------------------------------------------------------------------------------

I386 = make(bits=32, machine=3, soname="libc.so.6")
OTHERS = {"/usr/lib64/libx.so.1": make(), "/etc/passwd": b"", "/usr/lib/libc.so.6": I386}


@pytest.mark.parametrize(
    ("more", "unused"),
    [
        ({}, [*OTHERS]),
        # Opened and passed over: another would have been taken.
        ({"/lib64/libc.so.6": I386}, [*OTHERS]),
        # As ldconfig would leave it; of all libraries only those that may be what is asked for are looked at.
        ({"/etc/ld.so.conf": b"/usr/lib\n", "/usr/lib/libc-x.so": make()}, ["/usr/lib64/libx.so.1", "/etc/passwd"]),
        ({"/etc/ld.so.cache": b""}, [*OTHERS]),
    ],
    ids=["none", "other machine", "ld.so.conf", "ld.so.cache"],
)
def test_what_was_not_opened_is_unused(action: Action, said: Any, more: Files, unused: list[str]) -> None:
    words = action.declare("--root-files", {**SYSTEM, **OTHERS, **more})
    words += action.declare("--tree-files", {"app": program("libc.so.6"), "lib.so": make()})
    assert said("-t", "o.tar", "-b", "app:/app", *words, "--unused-inputs", "unused") == (0, "")
    assert Path("unused").read_text().splitlines() == sorted([*(f"root{name}" for name in unused), "tree/lib.so"])


def test_thousands_of_declared_files_are_not_touched(
    action: Action, said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [*action.declare("--tree-files", APP), *action.declare("--root-files", SYSTEM)]
    many = [f"/usr/lib64/lib{number}.so\tnowhere/lib{number}.so" for number in range(5000)]
    asked: list[list[object]] = []

    def counted(name: str) -> None:
        real = getattr(os, name)

        def call(*args: Any, **more: Any) -> object:
            asked[-1].append(args[0])
            return real(*args, **more)

        monkeypatch.setattr(os, name, call)

    for name in ("open", "stat", "lstat"):
        counted(name)
    for more in ([], many):
        asked.append([])
        wanted = ["-t", "o.tar", "-b", "app/app:/usr/bin/app", "--unused-inputs", "unused"]
        assert said(*wanted, *words, *more) == (0, "")
    assert asked[0] == asked[1]
    assert len(Path("unused").read_text().splitlines()) == 5000


@pytest.mark.parametrize("needed", [("libfoo.so.1", "libbar.so.1"), ("libbar.so.1", "libfoo.so.1")])
def test_what_a_library_is_does_not_go_by_what_was_asked_for_before(
    action: Action, said: Any, needed: tuple[str, ...]
) -> None:
    root = {INTERP: LOADER, "/etc/ld.so.conf": b"/a\n/b\n", "/a/libfoo-1.so": make(soname="libbar.so.1")}
    root |= {"/b/libbar.so.1": make(soname="libbar.so.1"), "/b/libfoo.so.1": make(soname="libfoo.so.1")}
    words = [*action.declare("--tree-files", {"app": program(*needed)}), *action.declare("--root-files", root)]
    assert said("-t", "o.tar", "-b", "app:/app", *words) == (0, "")
    assert [name for name in listing() if name.startswith(("a/", "b/"))] == ["b/", "b/libbar.so.1", "b/libfoo.so.1"]


@pytest.mark.parametrize(
    ("declared", "read", "text"),
    [
        ((), (), b""),
        (("b", "a", "b"), (), b"a\nb\n"),
        (("b", "a"), ("a", "/x"), b"b\n"),
        (("a b", "\udcff"), (), b"a b\n\xff\n"),
    ],
)
def test_unused_inputs_are_a_line_each(declared: tuple[HostPath, ...], read: tuple[HostPath, ...], text: bytes) -> None:
    assert unused_inputs.render(declared, Trace(read, (), ())) == text


# What is missing ----------------------------------------------------------------------------------

HINT = (
    "  hint: add its cc_library or cc_import to deps, or its package to the root; "
    "nothing outside declared inputs was looked at\n"
)


def test_a_missing_library_is_told_in_the_build_s_words(action: Action, said: Any) -> None:
    tree = {"app/app": program("libbar.so", runpath="$ORIGIN/../lib"), "lib/libbar.so": make(needed=("libfoo.so.1",))}
    words = action.declare("--tree-files", tree)
    root = action.declare("--root-files", SYSTEM)
    (action.sandbox / "tree/lib/libfoo.so.1").write_bytes(make())
    told = "libfoo.so.1 (by lib/libbar.so{}): not among the 2 declared files of the build, not in the root ({} tried)\n"
    evidence = """\
  libfoo.so.1, needed by lib/libbar.so
    cache       /etc/ld.so.cache        no entry
    default     /lib64/libfoo.so.1      no such file
    default     /usr/lib64/libfoo.so.1  no such file
"""
    rest = evidence + HINT
    error = "ocidiet: error: app/app: needs " + told.format("", "2 directories") + rest
    assert said("-t", "o.tar", "-b", "app/app:/app", *words, *root) == (1, error)
    named = [f"{word}\t//app" if word.startswith("app") else f"{word}\t//lib:bar" for word in words[1:]]
    error = "ocidiet: error: //app: needs " + told.format(" of //lib:bar", "2 directories") + rest
    assert said("-t", "o.tar", "-b", "./app/app:/app", "--tree-files", *named, *root) == (1, error)


def test_a_root_that_is_a_directory_is_told_as_one(action: Action, said: Any, tmp_path: Path) -> None:
    words = action.declare("--tree-files", {"a": make(needed=("libnone.so",))})
    words += ["--root", lay(tmp_path / "r", {INTERP: LOADER})]
    code, error = said("-t", "o.tar", "-b", "a:/a", *words)
    assert (code, error.splitlines()[-1]) == (1, HINT.partition(";")[0])
    assert said("-t", "o.tar", "-b", "a:/a", *words[:2], "--root", "/")[1].startswith(
        "ocidiet: error: a: needs libnone.so:"
    )


def test_a_notice_names_places_of_the_build(action: Action, said: Any) -> None:
    words = action.declare("--tree-files", {"p/app": program("liba.so", runpath="d"), "d/liba.so": make()})
    words += action.declare("--root-files", SYSTEM)
    text = "p/app: 'd' of its RUNPATH counts from the working directory"
    warning = (0, f"ocidiet: warning: {text}\n")
    assert said("-t", "o.tar", "-b", "p/app:/app", *words, "--report", "r.json") == warning
    assert json.loads(Path("r.json").read_text())["notices"] == [{"text": text, "warning": True}]
    assert listing()[-1] == "lib64/liba.so"


def test_all_missing_files_are_told_at_once(action: Action, said: Any) -> None:
    words = action.declare("--tree-files", {"a": program("liba.so", "libb.so"), "b": program(interp="/no")})
    words += action.declare("--root-files", SYSTEM)
    code, error = said("-t", "o.tar", "-b", "a:/a", "b:/b", *words)
    assert (code, error.splitlines()[0]) == (1, "ocidiet: error: a, b: 3 files not found among declared inputs")
    assert [line.split(",")[0] for line in error.splitlines() if ", needed by" in line] == [
        "  liba.so",
        "  libb.so",
        "  /no",
    ]
    assert not Path("o.tar").exists()


@pytest.mark.parametrize(
    ("break_it", "what"),
    [
        (Path.unlink, "no such file"),
        (lambda path: (path.unlink(), path.mkdir()), "is a directory"),
    ],
    ids=["absent", "directory"],
)
def test_a_declared_file_that_is_none_is_told_when_it_is_needed(
    action: Action, said: Any, break_it: Any, what: str
) -> None:
    words = action.declare("--tree-files", {"a": make(dynamic=False), "b": b""})
    break_it(action.home / "real/tree/b")
    assert said("-t", "o.tar", "-b", "a:/a", *words) == (0, "")
    assert said("-t", "o.tar", "-e", "b:/b", *words) == (1, f"ocidiet: error: tree/b: {what}\n")


# The same image as of directories -----------------------------------------------------------------


@pytest.fixture
def sysroot(tmp_path: Path) -> Path:
    """A merged root with links of files and directories."""
    names: dict[str, bytes | str | None] = {
        "lib64": "usr/lib64",
        "lib": "/usr/lib",
        "bin": "usr/bin",
        "usr/lib64/ld-linux-x86-64.so.2": LOADER,
        "usr/lib64/libc.so.6": "libc-2.31.so",
        "usr/lib64/libc-2.31.so": LIBC,
        "usr/lib/x/libz.so.1": "/usr/lib/x/libz.so.1.2",
        "usr/lib/x/libz.so.1.2": LIBZ,
        "usr/lib/x/data": b"data",
        "usr/bin/tool": program("libc.so.6"),
        "usr/bin/alias": "tool",
        "etc/ld.so.conf": b"/usr/lib/x\n",
        "etc/alternatives/z": "/usr/lib/x/libz.so.1",
        "usr/share/d/one": b"1",
        "usr/share/d/link": "one",
    }
    top = tmp_path / "sysroot"
    lay(top, names)
    for name in ("usr/lib/x/data", "usr/lib/x/libz.so.1.2", "etc/ld.so.conf", "usr/share/d/one"):
        (top / name).chmod(0o644)
    (top / "usr/bin/hard").hardlink_to(top / "usr/bin/tool")
    return top


WANTED = ["-b", "app/app:/usr/local/bin/app", "=/usr/bin/hard:/opt/hard", "=/bin/alias"]
WANTED += ["-e", "conf:/etc/conf", "=/usr/share/d", "=/usr/lib/x/data:/opt/data", "=/etc/alternatives/z"]
BUILD = {
    "app/app": program("libgreet.so", "libz.so.1", "libc.so.6", runpath="$ORIGIN/../_solib_k8"),
    "_solib_k8/libgreet.so": make(soname="libgreet.so", needed=("libc.so.6",)),
    "conf": b"text",
}


def root_words(kind: str, sysroot: Path) -> list[str]:
    """The options that make `sysroot` the root, in whatever form."""
    if kind == "files":
        values, told = [], []
        for path in sorted(sysroot.rglob("*")):
            place = f"/{path.relative_to(sysroot)}"
            if path.is_symlink():
                told.append(f"{place}\t{path.readlink()}")
            elif path.is_file():
                values.append(f"{place}\t{path}")
                told += [place] if os.access(path, os.X_OK) else []
        Path("links").write_text("\n".join(told))
        return ["--root-files", *values, "--root-links", "links"]
    with tarfile.open("root.tar", "w:gz" if kind == "gzip" else "w") as archive:
        archive.add(sysroot, ".")
    if kind in ("tar", "gzip"):
        return ["--root", "root.tar"]
    blobs = {"layer": Path("root.tar").read_bytes()}
    digest = {name: hashlib.sha256(data).hexdigest() for name, data in blobs.items()}
    config = json.dumps({"rootfs": {"diff_ids": [f"sha256:{digest['layer']}"]}}).encode()
    blobs["config"] = config
    digest["config"] = hashlib.sha256(config).hexdigest()
    manifest = {"config": {"digest": f"sha256:{digest['config']}"}, "layers": [{"digest": f"sha256:{digest['layer']}"}]}
    blobs["manifest"] = json.dumps(manifest).encode()
    digest["manifest"] = hashlib.sha256(blobs["manifest"]).hexdigest()
    index = json.dumps({"manifests": [{"digest": f"sha256:{digest['manifest']}"}]}).encode()
    files = {"oci-layout": b"{}", "index.json": index}
    files.update({f"blobs/sha256/{digest[name]}": data for name, data in blobs.items()})
    lay(sysroot.parent / "real-layout", files)
    if kind == "archive":
        with tarfile.open("layout.tar", "w") as archive:
            archive.add(sysroot.parent / "real-layout", ".")
        return ["--root", "layout.tar"]
    for name in files:
        link = Path("layout", name)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(sysroot.parent / "real-layout" / name)
    return ["--root", "layout"]


@pytest.mark.parametrize("layout", [[], ["--layout", "scratch"], ["--layout", "merged"]], ids=" ".join)
@pytest.mark.parametrize("kind", ["files", "tar", "gzip", "archive", "layout"])
def test_the_image_is_that_of_the_same_directories(
    action: Action, said: Any, sysroot: Path, kind: str, layout: list[str]
) -> None:
    words = action.declare("--tree-files", BUILD)
    (action.home / "real/tree/conf").chmod(0o644)
    plain = [*WANTED, *layout, "--root", str(sysroot), "--build-tree", "."]
    os.chdir(action.home / "real/tree")
    assert said("-t", "expected.tar", *plain) == (0, "")
    expected = Path("expected.tar").read_bytes()
    os.chdir(action.sandbox)
    assert said("-t", "o.tar", *WANTED, *layout, *root_words(kind, sysroot), *words) == (0, "")
    assert Path("o.tar").read_bytes() == expected
    if kind != "files":
        # Nothing but the root need be an image.
        os.chdir(action.home / "real/tree")
        assert said("-t", "o.tar", *WANTED, *layout, "--root", *root_words(kind, sysroot)[1:]) == (0, "")
        assert Path("o.tar").read_bytes() == expected


@pytest.mark.parametrize("kind", ["tar", "archive"])
def test_a_program_of_an_archive_that_sets_its_user_is_told(said: Any, sysroot: Path, kind: str) -> None:
    (sysroot / "usr/bin/tool").chmod(0o4755)
    warning = "ocidiet: warning: /usr/bin/tool: is set-user-ID or set-group-ID here; in the image it is not\n"
    assert said("-t", "o.tar", "-b", "=/usr/bin/tool", *root_words(kind, sysroot)) == (0, warning)


def test_a_directory_may_be_the_root_of_declared_files(action: Action, said: Any, sysroot: Path) -> None:
    words = action.declare("--tree-files", BUILD)
    assert said("-t", "o.tar", *WANTED, "--root", str(sysroot), *words) == (0, "")
    with_directory = Path("o.tar").read_bytes()
    assert said("-t", "o.tar", *WANTED, *root_words("tar", sysroot), *words) == (0, "")
    assert Path("o.tar").read_bytes() == with_directory


@pytest.mark.parametrize("kind", ["tar", "layout"])
def test_a_base_is_opened_through_a_sandbox_s_links(action: Action, said: Any, sysroot: Path, kind: str) -> None:
    words = [*action.declare("--tree-files", APP), *root_words("files", sysroot)]
    base = root_words(kind, sysroot)[1]
    assert said("-t", "o.tar", "-b", "app/app:/usr/local/bin/app", *words, "--base", base) == (0, "")
    assert [name for name in listing() if not name.endswith("/")] == [
        "usr/local/_solib_k8/libgreet.so",
        "usr/local/bin/app",
    ]


# Layers -------------------------------------------------------------------------------------------

ENTRIES = {
    "libc": ["lib64/ld-linux-x86-64.so.2", "usr/lib64/libc.so.6"],
    "system": ["usr/lib64/libz.so.1"],
    "own": ["usr/_solib_k8/libgreet.so"],
    "app": ["etc/conf", "usr/bin/app"],
}


@pytest.mark.parametrize(
    ("kinds", "goes"),
    [
        ("libc system own app", {"libc": "libc", "system": "system", "own": "own", "app": "app"}),
        ("app own system libc", {"libc": "libc", "system": "system", "own": "own", "app": "app"}),
        ("libc app", {"libc": "libc", "system": "app", "own": "app", "app": "app"}),
        ("system app", {"libc": "system", "system": "system", "own": "app", "app": "app"}),
        ("app", {"libc": "app", "system": "app", "own": "app", "app": "app"}),
        ("libc system", {"libc": "libc", "system": "system", "own": "system", "app": "system"}),
    ],
)
def test_each_kind_goes_into_its_layer_or_the_next(
    action: Action, said: Any, kinds: str, goes: Mapping[str, str]
) -> None:
    words = action.declare(
        "--tree-files",
        {**BUILD, "app/app": program("libz.so.1", "libgreet.so", "libc.so.6", runpath="$ORIGIN/../_solib_k8")},
    )
    words += action.declare("--root-files", {**SYSTEM, "/usr/lib64/libz.so.1": LIBZ})
    given = [word for kind in kinds.split() for word in ("--layer", f"{kind}=x {kind}.tar")]
    wanted = ["-b", "app/app:/usr/bin/app", "-e", "conf:/etc/conf", "--layout", "scratch"]
    assert said(*given, *wanted, *words) == (0, "")
    found = {kind: [name for name in listing(f"x {kind}.tar") if not name.endswith("/")] for kind in kinds.split()}
    expected: dict[str, list[str]] = {kind: [] for kind in kinds.split()}
    for kind, names in ENTRIES.items():
        expected[goes[kind]] += names
    assert found == {kind: sorted(names) for kind, names in expected.items()}
    assert said("-t", "o.tar", *wanted, *words) == (0, "")
    assert {*listing()} == {name for kind in kinds.split() for name in listing(f"x {kind}.tar")}


def test_a_layer_of_which_nothing_is_asked_is_an_empty_tar(action: Action, said: Any) -> None:
    words = action.declare("--tree-files", {"app": make(dynamic=False)})
    layers = ["--layer", "libc=c.tar", "--layer=app=a.tar"]
    assert said(*layers, "-b", "app:/app", "--layout", "merged", *words) == (0, "")
    assert (listing("c.tar"), listing("a.tar")) == ([], ["app"])
    assert sorted(os.listdir()) == ["a.tar", "c.tar", "params", "tree"]


@pytest.mark.parametrize("root", ["files", "tar"])
def test_an_image_s_layers_and_nothing_beside_it(action: Action, said: Any, sysroot: Path, root: str) -> None:
    words = [*action.declare("--tree-files", BUILD), *root_words(root, sysroot)]
    before = {*os.listdir(), "params", "i.oci.tar", "layout"}
    wanted = ["-b", "app/app:/app", "-e", "conf:/conf", "--layers", "auto"]
    assert said("--archive", "i.oci.tar", "--oci", "layout", *wanted, *words) == (0, "")
    assert {*os.listdir()} == before
    index = json.loads(Path("layout/index.json").read_text())
    blobs = Path("layout/blobs/sha256")
    manifest = json.loads((blobs / index["manifests"][0]["digest"][7:]).read_text())
    layers = [str(blobs / layer["digest"][7:]) for layer in manifest["layers"]]
    last = [[name for name in listing(layer) if not name.endswith("/")][-1] for layer in layers]
    assert last == [
        "usr/lib64/libc.so.6 -> libc-2.31.so",
        "usr/lib64/libz.so.1 -> ../lib/x/libz.so.1.2",
        "_solib_k8/libgreet.so",
        "conf",
    ]


def test_an_input_that_changes_meanwhile_is_told(action: Action, said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    words = action.declare("--tree-files", {"a": make(dynamic=False)})
    written = tar.write

    def write(*args: Any) -> None:
        written(*args)
        (action.home / "real/tree/a").write_bytes(b"")

    monkeypatch.setattr(tar, "write", write)
    hint = "nothing was published; run again when the build that writes it has ended"
    error = f"ocidiet: error: tree/a: changed while the image was made\n  hint: {hint}\n"
    assert said("-t", "o.tar", "-b", "a:/a", *words) == (1, error)
    assert not Path("o.tar").exists()


# Beside the image ---------------------------------------------------------------------------------


def test_what_is_told_of_an_image_names_no_path_of_the_machine(action: Action, said: Any) -> None:
    tree = {**APP, "conf x": b"text"}
    words = [*action.declare("--tree-files", tree), *action.declare("--root-files", SYSTEM)]
    wanted = ["-b", "app/app:/usr/bin/app", "-e", "conf x:/etc/a b", "--layout", "scratch"]
    beside = ["--report", "r.json", "--mtree", "m", "--closure", "c", "--mtime", "7"]
    assert said("-t", "o.tar", *wanted, *beside, *words) == (0, "")
    assert Path("c").read_text().splitlines() == [
        "/lib64/ld-linux-x86-64.so.2",
        "/usr/_solib_k8/libgreet.so",
        "/usr/bin/app",
        "/usr/lib64/libc.so.6",
    ]
    assert Path("m").read_text().splitlines()[:4] == [
        "#mtree",
        "./etc type=dir mode=0755 uid=0 gid=0 time=7.0",
        r"./etc/a\040b type=file mode=0644 uid=0 gid=0 time=7.0",
        "./lib64 type=dir mode=0755 uid=0 gid=0 time=7.0",
    ]
    text = Path("r.json").read_text()
    assert [word for word in (str(action.home), "tree/", "root/", "<build>") if word in text] == []
    report = json.loads(text)
    assert {key: type(value) for key, value in report.items()} == {
        "version": int,
        "entries": list,
        "programs": list,
        "notices": list,
    }
    assert report["entries"][1] == {
        "path": "/etc/a b",
        "type": "file",
        "mode": "0644",
        "size_bytes": 4,
        "rule": "extra",
        "needed_by": ["conf x:/etc/a b"],
    }
    (found,) = report["programs"]
    assert found["program"] == "/usr/bin/app"
    assert [(one["path"], one["file"]) for one in found["objects"]] == [
        ("app/app", "app/app"),
        (INTERP, INTERP),
        ("_solib_k8/libgreet.so", "_solib_k8/libgreet.so"),
        ("/usr/lib64/libc.so.6", "/usr/lib64/libc.so.6"),
    ]


def test_a_listing_tells_of_links(action: Action, said: Any) -> None:
    words = action.declare("--tree-files", {"a": make(dynamic=False)})
    assert said("-t", "o.tar", "-b", "a:/a", "a:/b#\u00e9", "--mtree", "m", *words) == (0, "")
    assert Path("m").read_text().splitlines()[1:] == [
        "./a type=file mode=0755 uid=0 gid=0 time=0.0",
        r"./b\043\303\251 type=link mode=0777 uid=0 gid=0 time=0.0 link=a",
    ]


# The command line ---------------------------------------------------------------------------------


def test_values_are_places_and_paths() -> None:
    argv = [
        "-t",
        "o.tar",
        "-b",
        "a:/a",
        "--unused-inputs",
        "u",
        "--root-links",
        "l",
        "--root-files",
        "/x\tr/x y",
        "//y/./z\tr/y",
    ]
    argv += ["--tree-files", "a\tp/a", "./b//c\tp/b c\t//b:c", "-d\tp/d"]
    made = request(parse(argv), "/nowhere")
    tree = {f"{TREE}/a": HostPath("p/a"), f"{TREE}/b/c": HostPath("p/b c"), f"{TREE}/-d": HostPath("p/d")}
    root = {"/x": HostPath("r/x y"), "/y/z": HostPath("r/y")}
    assert made.declared == Declared(root, HostPath("l"), tree, {f"{TREE}/b/c": "//b:c"}, HostPath("u"))
    assert (made.root, made.root_image, made.search.cwd, made.places.build_tree) == ("", None, TREE, TREE)


TAR = ["-t", "o.tar", "-b", "a:/a"]
FILE = ["--tree-files", "a\tp"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([*TAR, *FILE, "--destdir", "/usr"], "--destdir: not with declared inputs, which are all that there is"),
        ([*TAR, *FILE, "--build-tree", "/usr"], "--build-tree: not with declared inputs, which are all that there is"),
        ([*TAR, *FILE, "--depfile", "d"], "--depfile: not with declared inputs, which are all that there is"),
        ([*TAR, "--root-files", "--root", "/"], "--root and --root-files exclude each other"),
        ([*TAR, *FILE, "--root-links", "l"], "--root-links needs --root-files"),
        (
            ["-t", "o.tar", "-e", "/etc/passwd", *FILE],
            """/etc/passwd: not among declared inputs
  hint: a path of the build's files is relative, one inside the root starts with '='""",
        ),
        *(
            (
                [*TAR, "--tree-files", value],
                f"--tree-files {value}: a place in the build tree, a tab, and the file's path".replace("\t", r"\x09"),
            )
            for value in ("a", "a\t", "\tp", "../a\tp", "a/../b\tp", ".\tp")
        ),
        *(
            (
                [*TAR, "--root-files", value],
                f"--root-files {value}: an absolute place in the root, a tab, and the file's path".replace(
                    "\t", r"\x09"
                ),
            )
            for value in ("/a", "/a\t", "a\tp", "\tp", "/\tp", "/a/../b\tp")
        ),
        ([*TAR, "--tree-files", "a\tp", "a\tq"], "--tree-files: a is two files: p, q"),
        (["-t", "-", *TAR[2:], *FILE], "-t - stands alone: nothing is written beside standard output"),
        (["-t", "-", *TAR[2:], "--report", "r"], "-t - stands alone: nothing is written beside standard output"),
        ([*TAR, "--layer", "app=a"], "-t and --layer exclude each other: one tar, or one for each kind"),
        (
            ["-b", "a:/a", "--layer", "app=a"],
            """--layer: layers are stacked, for which the portable layout is not made
  hint: --layout scratch for a whole image, merged or split for what lies over a base; or --base""",
        ),
        *(
            (["-b", "a:/a", "--layer", value], f"--layer {value}: KIND=FILE, of the kinds libc, system, own, app")
            for value in ("x=a", "app", "app=", "app=-", "=a")
        ),
        (["-b", "a:/a", "--layer", "app=a", "--layer", "app=b"], "--layer app is given twice"),
        (["-b", "a:/a", *FILE], "no output: -t FILE, --archive FILE or --oci DIR is missing"),
    ],
    ids=lambda value: ascii(" ".join(value)) if isinstance(value, list) else "",
)
def test_a_request_is_refused(argv: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        request(parse(argv), "/nowhere")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["-t", "tree/a"], "tree/a: an output among the inputs"),
        (["-t", "o", "--report", "./o"], "./o: is two of the outputs"),
        (["-t", "o", "--unused-inputs", "o"], "o: is two of the outputs"),
        (["--layout", "scratch", "--layer", "libc=o", "--layer", "app=o"], "o: is two of the outputs"),
    ],
    ids=" ".join,
)
def test_outputs_are_apart(action: Action, said: Any, argv: list[str], message: str) -> None:
    words = action.declare("--tree-files", {"a": make(dynamic=False)})
    assert said(*argv, "-b", "a:/a", *words) == (2, f"ocidiet: error: {message}\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [(b"", []), (b"\n", [""]), (b"a", ["a"]), (b"a\nb c\n", ["a", "b c"]), (b"a\n\n\xff\r", ["a", "", "\udcff\r"])],
)
def test_a_file_of_words_is_taken_as_it_is(tmp_path: Path, text: bytes, words: list[str]) -> None:
    (tmp_path / "params").write_bytes(text)
    assert lines(HostPath(f"{tmp_path}/params")) == words


def test_a_file_of_words_has_to_be_there(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_catch_signals", lambda: None)
    assert cli.main(["@/no"]) == 1
    assert capfd.readouterr().err == "ocidiet: error: /no: cannot be read: No such file or directory\n"


# Verifying what a build system made ---------------------------------------------------------------


@pytest.mark.parametrize("kind", ["tar", "layout"])
def test_an_image_is_verified_through_a_sandbox_s_links(said: Any, sysroot: Path, kind: str) -> None:
    (sysroot / "usr/bin/hard").unlink()
    (sysroot / "usr/bin/tool").write_bytes(program("libnone.so"))
    image = root_words(kind, sysroot)[1]
    assert said("verify", image, "--report", "r.json") == (1, "")
    (found,) = json.loads(Path("r.json").read_text())["images"]
    defects = [defect["file"] for defect in found["defects"] if defect["kind"] == "library"]
    assert (found["image"], found["programs"], defects) == (image, 1, ["usr/bin/tool"])


def test_of_a_good_image_only_the_report_is_written(
    action: Action, capfd: pytest.CaptureFixture[str], sysroot: Path
) -> None:
    del action
    image = root_words("tar", sysroot)[1]
    assert cli.main(["verify", image, "--report", "r.json"]) == 0
    assert capfd.readouterr() == ("", "")
    assert [found["ok"] for found in json.loads(Path("r.json").read_text())["images"]] == [True]
