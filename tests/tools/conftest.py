"""Build tools in two versions: GNU Make, the machine's and a later one; Bazel, an old and a later one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import support
from tests.support import done, mirror, need, run
from tests.tools import bazel_roots
from tests.tools.bazel_lab import SEVEN, VERSIONS, Lab, Workspace

LATER, SUITE = "4.4", "trixie"


def later_make() -> Path:
    """A directory with a `make` of the version `LATER`: Debian's, with its own C library, got once and
    kept in $OCIDIET_TEST_CACHE, by default ~/.cache/ocidiet-tests."""
    need("make")
    if done(["make", "--version"]).startswith(f"GNU Make {LATER}"):
        pytest.skip(f"the machine's make is {LATER} already")
    top = Path(os.environ.get("OCIDIET_TEST_CACHE") or Path("~/.cache/ocidiet-tests").expanduser())
    place = top / f"make-{LATER}"
    if not place.exists():
        need("mmdebstrap", "patchelf", root=True)
        top.mkdir(parents=True, exist_ok=True)
        new = place.with_suffix(f".{os.getpid()}")
        options = ["--mode=root", "--variant=extract", "--include=make", "--dpkgopt=path-exclude=/usr/share/*"]
        # A mirror that stands still is as good here.
        options += ['--aptopt=Acquire::Check-Valid-Until "false"', '--aptopt=Acquire::Retries "3"']
        merged = "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr"
        try:
            ended = run(["mmdebstrap", *options, merged, SUITE, new, mirror()])
            if ended.returncode != 0:
                pytest.skip(f"no make {LATER} from the mirror: {ended.stderr.strip().splitlines()[-2:]}")
            (interp,) = (path for path in (new / "lib64").iterdir() if path.name.startswith("ld"))
            (libc,) = new.glob("usr/lib/*/libc.so.6")
            (new / "bin-of-make").mkdir()
            (new / "bin-of-make/make").write_bytes((new / "usr/bin/make").read_bytes())
            (new / "bin-of-make/make").chmod(0o755)
            final = [str(path).replace(str(new), str(place)) for path in (interp, libc.parent)]
            words = ["patchelf", "--set-interpreter", final[0], "--set-rpath", final[1]]
            done([*words, new / "bin-of-make/make"])
            new.rename(place)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return place / "bin-of-make"


@pytest.fixture(params=["of_the_machine", LATER])
def each_make(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `make` is for all that the test runs."""
    if request.param == LATER:
        monkeypatch.setattr(support, "PATH", f"{later_make()}:{support.PATH}")
        assert done(["make", "--version"]).startswith(f"GNU Make {LATER}")


@pytest.fixture(scope="session", params=VERSIONS)
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Each version of Bazel."""
    made = Lab(tmp_path_factory.mktemp("bazel", numbered=True), request.param)
    yield made
    made.shutdown()
    # Bazel's outputs are read-only, directories included, which root alone may overlook.
    shutil.rmtree(made.home, ignore_errors=True)


@pytest.fixture(scope="session")
def tested(lab: Lab) -> Workspace:
    """rules/tests with its roots, built."""
    made = lab.workspace("rules/tests")
    bazel_roots.put(made)
    built = made.build("//images/...", *(["//shared/..."] if lab.version == SEVEN else []))
    assert {spawn.runner for spawn in built.spawns} == {"linux-sandbox"}
    return made
