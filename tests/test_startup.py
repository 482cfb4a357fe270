"""What a run imports, as a set: start-up time is paid on every run of every build."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import MAIN, PYTHON, cc, done, run

# Runs a script as `python FILE` does, and tells what it imported beyond the interpreter's own start.
# Not by `runpy`, whose own imports would hide the script's. The script ends by os._exit, which would end this too.
WRAPPER = """
import posix, sys
sys.argv[:] = sys.argv[1:]
before = set(sys.modules)
posix._exit = sys.exit
code = compile(open(sys.argv[0]).read(), sys.argv[0], "exec")
try:
    exec(code, {"__name__": "__main__", "__package__": None, "__file__": sys.argv[0]})
except SystemExit as end:
    assert not end.code, end.code
sys.stderr.write(" ".join(set(sys.modules) - before))
"""

STANDARD = "__future__ _collections _struct gc"
MODEL = "ocidiet.model ocidiet.model.loading"
# What `system` leaves to it.
OS = "_collections_abc genericpath os os.path posixpath stat"
COMMON = f"{STANDARD} ocidiet ocidiet.system ocidiet.cli ocidiet.cli.options ocidiet.commit ocidiet.errors {MODEL}"
WALK = (
    f"{COMMON} ocidiet.closure ocidiet.closure.space ocidiet.elf ocidiet.fs ocidiet.fs.disk"
    " ocidiet.ldcache ocidiet.search ocidiet.search.glibc"
)
JOB = (
    f"{WALK} fcntl ocidiet.cli.pack ocidiet.commit.output ocidiet.commit.state ocidiet.elf.versions"
    " ocidiet.model.image ocidiet.tar ocidiet.tree ocidiet.tree.layout ocidiet.verify"
)
IMAGE = (
    "ocidiet.cli.bundle ocidiet.cli.image ocidiet.commit.blobs ocidiet.commit.layers ocidiet.model.oci ocidiet.oci"
    " ocidiet.oci.layout ocidiet.tree.bases"
)
SPLIT = "ocidiet.cli.beside ocidiet.tree.layers"
ARCHIVE = "ocidiet.oci.archive"
HASHES = """
import hashlib, time
try:
    import _sha2
except ImportError:
    import _sha256
"""
SHOW = f"{WALK} ocidiet.cli.show"
VERIFY = (
    f"{WALK} ocidiet.cli.verify ocidiet.fs.archive ocidiet.fs.image ocidiet.fs.layout ocidiet.fs.named"
    " ocidiet.fs.unpack ocidiet.model.image ocidiet.model.verdict ocidiet.report ocidiet.report.verdict"
    " ocidiet.verify ocidiet.verify.image"
)
DECLARED = (
    f"{JOB} ocidiet.cli.beside ocidiet.cli.declared ocidiet.cli.roots ocidiet.fs.declared ocidiet.model.declared"
    " ocidiet.unused_inputs"
)
TREE = "ocidiet.report ocidiet.report.tree"


@pytest.mark.parametrize(
    ("argv", "modules"),
    [
        (["--version"], f"{COMMON} ocidiet.cli.texts"),
        (["--help"], f"{COMMON} ocidiet.cli.texts"),
        (["-t", "i.tar", "-b", "hello:/hello"], JOB),
        (["-t", "i.tar", "-b", "hello:/hello", "--depfile", "d"], f"{JOB} ocidiet.depfile"),
        (["-t", "i.tar", "-b", "hello:/hello", "-v"], f"{JOB} ocidiet.report"),
        (["-t", "i.tar", "--archive", "a.tar", "--oci", "o", "-b", "hello:/hello"], f"{JOB} {IMAGE} {ARCHIVE}"),
        (["--oci", "o", "-b", "hello:/hello", "--layers", "auto", "--tag", "hello:1.0"], f"{JOB} {IMAGE} {SPLIT}"),
        (["list", "/bin/sh"], SHOW),
        (["tree", "/bin/sh"], f"{SHOW} {TREE}"),
        (["verify", "."], VERIFY),
        (["@params"], DECLARED),
    ],
    ids=["version", "help", "job", "depfile", "verbose", "image", "layout", "list", "tree", "verify", "declared"],
)
def test_run_imports_only_what_it_uses(tmp_path: Path, argv: list[str], modules: str) -> None:
    if "-b" in argv or "@params" in argv:
        cc(tmp_path / "hello")
    words = [
        "-t",
        "i.tar",
        "-b",
        "hello:/hello",
        "--tree-files",
        "hello\thello",
        "--unused-inputs",
        "u",
        "--root-files",
    ]
    if "@params" in argv:
        words += [f"{path}\t{path}" for path in done(["ldd", "hello"], tmp_path).split() if path.startswith("/")]
    (tmp_path / "params").write_text("\n".join(words))
    ended = run([PYTHON, "-ISc", WRAPPER, MAIN, *argv], tmp_path)
    assert ended.returncode == 0, ended.stderr
    # What the interpreter starts with, which differs between versions, does not count.
    heavy = "--oci" in argv
    own = set(done([PYTHON, "-ISc", f"{HASHES if heavy else ''}import sys; print(*sys.modules)"]).split())
    assert set(ended.stderr.split()) - (own if heavy else set()) == set(modules.split()) - own
