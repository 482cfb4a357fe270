"""The page `fs.overlay`: an installed tree over a root, as it would be once it is installed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from ocidiet.fs import DiskRoot, Record
from ocidiet.fs.overlay import OverlaidRoot
from tests.unit.elfmaker import lay

Names = Mapping[str, bytes | str | None]

# The root is merged, `opt` is a link, and the two trees meet in `usr` and `etc`.
ROOT: Names = {
    "lib": "usr/lib",
    "bin": "/usr/bin",
    "opt": "srv/opt",
    "usr/lib/x/root.so": b"root",
    "usr/lib/x/both.so": b"root",
    "usr/lib/link.so": "x/root.so",
    "usr/bin/tool": b"root",
    "etc/conf": b"root",
    "etc/dir/root": b"root",
    "srv/opt/app": b"root",
    "srv/opt/deep": "/other",
    "other/g": b"root",
}
TREE: Names = {
    "lib/x/staged.so": b"staged",
    "lib/x/both.so": b"staged",
    "lib/x/up.so": "../x/root.so",
    "lib/x/abs.so": "/usr/bin/tool",
    "usr/bin/tool": b"staged",
    "usr/bin/out": "/../../etc/conf",
    "usr/bin/there": "../lib/x/staged.so",
    "etc/conf": "dir/root",
    "etc/dir": None,
    "opt/sub/deep/f": b"staged",
    "opt/deep/f": b"staged",
    "var/run": "/run",
    "new": "usr/bin",
}


@pytest.fixture
def overlaid(tmp_path: Path) -> OverlaidRoot:
    record = Record(str(tmp_path / "build"))
    return OverlaidRoot(*(DiskRoot(lay(tmp_path / name, names), record) for name, names in (("d", TREE), ("r", ROOT))))


@pytest.mark.parametrize(
    ("path", "file", "hops"),
    [
        ("/usr/bin/tool", "d/usr/bin/tool", []),
        ("/bin/tool", "d/usr/bin/tool", []),
        ("/usr/lib/x/root.so", "r/usr/lib/x/root.so", []),
        ("/lib/x/root.so", "r/usr/lib/x/root.so", []),
        ("/lib/x/staged.so", "d/lib/x/staged.so", []),
        ("/usr/lib/x/staged.so", "d/lib/x/staged.so", []),
        ("/usr/lib/x/both.so", "d/lib/x/both.so", []),
        ("/lib/link.so", "r/usr/lib/x/root.so", ["/usr/lib/link.so"]),
        ("/usr/lib/x/up.so", "r/usr/lib/x/root.so", ["/usr/lib/x/up.so"]),
        ("/lib/x/abs.so", "d/usr/bin/tool", ["/usr/lib/x/abs.so"]),
        ("/usr/bin/there", "d/lib/x/staged.so", ["/usr/bin/there"]),
        ("/usr/bin/out", "r/etc/dir/root", ["/usr/bin/out", "/etc/conf"]),
        ("/etc/conf", "r/etc/dir/root", ["/etc/conf"]),
        ("/new/tool", "d/usr/bin/tool", []),
        ("/new/../lib/x/staged.so", "d/lib/x/staged.so", []),
        ("/opt/sub/deep/f", "d/opt/sub/deep/f", []),
        ("/srv/opt/sub/deep/f", "d/opt/sub/deep/f", []),
        ("/opt/deep/g", "r/other/g", []),
        ("/opt/deep/f", "d/opt/deep/f", []),
        ("/other/f", "d/opt/deep/f", []),
    ],
)
def test_overlay_the_installed_tree_is_first(
    overlaid: OverlaidRoot, tmp_path: Path, path: str, file: str, hops: list[str]
) -> None:
    walk = overlaid.walk(path)
    assert walk.file is not None
    assert (walk.file.path, [hop.path for hop in walk.hops[:-1]]) == (f"{tmp_path}/{file}", hops)
    assert overlaid.host_path(walk.real) == walk.file.path


@pytest.mark.parametrize(
    ("path", "real"),
    [
        ("/lib/x", "/usr/lib/x"),
        ("/bin", "/usr/bin"),
        ("/new", "/usr/bin"),
        ("/opt/sub", "/srv/opt/sub"),
        ("/opt", "/srv/opt"),
        ("/etc/dir", "/etc/dir"),
        ("/etc/conf", None),
        ("/nowhere", None),
    ],
)
def test_overlay_a_directory_goes_through_the_root_s_link(overlaid: OverlaidRoot, path: str, real: str | None) -> None:
    walk = overlaid.directory(path)
    assert (walk.real if walk.kind == "dir" else None) == real


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/", ["bin", "etc", "lib", "new", "opt", "other", "srv", "usr", "var"]),
        ("/usr/bin", ["out", "there", "tool"]),
        ("/etc/dir", ["root"]),
        ("/srv/opt", ["app", "deep", "sub"]),
        ("/other", ["f", "g"]),
        ("/usr/lib", ["link.so", "x"]),
        ("/usr/lib/x", ["abs.so", "both.so", "root.so", "staged.so", "up.so"]),
    ],
)
def test_overlay_a_listing_is_of_both(overlaid: OverlaidRoot, path: str, names: list[str]) -> None:
    assert list(overlaid.list(path)) == names


def test_overlay_what_was_asked_is_recorded_of_both(tmp_path: Path) -> None:
    record = Record(str(tmp_path))  # the installed tree lies in the build tree
    over, under = (DiskRoot(lay(tmp_path / name, names), record) for name, names in (("d", TREE), ("r", ROOT)))
    root = OverlaidRoot(over, under)
    root.use(root.walk("/lib/x/up.so"))
    root.use(root.walk("/usr/bin/tool"))
    trace = record.trace()
    assert [path.removeprefix(f"{tmp_path}/") for path in trace.read] == [
        "d/lib/x/up.so",
        "d/usr/bin/tool",
        "r/usr/lib/x/root.so",
    ]
    assert {path.removeprefix(f"{tmp_path}/") for path in trace.listed} >= {"d/lib/x", "r/usr/lib/x", "d/usr/bin"}
