"""What `ocidiet list` prints, given to the real tar, is a tree in which the program runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support import cc, done, library, need, ocidiet


def unpacked(listed: str, target: Path, *options: str) -> Path:
    """A directory with what `listed` names, by way of tar."""
    target.mkdir()
    (target.parent / "list").write_text(listed)
    done(["tar", "-cf", target.parent / "list.tar", *options, "-T", target.parent / "list"])
    done(["tar", "-xf", target.parent / "list.tar", "-C", target])
    return target


@pytest.mark.parametrize("null", [False, True])
def test_list_of_a_program_is_a_tree_that_runs(tmp_path: Path, null: bool) -> None:
    need("git", "tar", "chroot", root=True)
    git = shutil.which("git", path="/usr/bin:/bin") or ""
    listed = ocidiet("list", *["-0"] * null, git)
    assert (listed.returncode, listed.stderr) == (0, "")
    top = unpacked(listed.stdout, tmp_path / "top", *["--null"] * null)
    (top / "dev").mkdir()
    (top / "dev" / "null").touch()  # which every engine brings
    assert done(["chroot", top, git, "--version"]) == done([git, "--version"])


def test_list_of_a_script_is_a_tree_that_runs(tmp_path: Path) -> None:
    need("tar", "chroot", root=True)
    script = tmp_path / "script"
    script.write_text("#!/usr/bin/env -S sh -e\necho started\n")
    script.chmod(0o755)
    top = unpacked(ocidiet("list", script).stdout, tmp_path / "top")
    assert done(["chroot", top, script]) == "started\n"


def test_list_of_a_sysroot_has_the_cache_that_alone_tells_of_a_library(tmp_path: Path) -> None:
    need("tar", "chroot", "ldconfig", root=True)
    root = unpacked(ocidiet("list", "/bin/true").stdout, tmp_path / "root")
    own = library(root / "usr" / "local" / "lib" / "libown.so.1", "int f(void) { return 0; }\n")
    cc(root / "usr" / "local" / "bin" / "app", "int f(void); int main(void) { return f(); }\n", own)
    (root / "etc").mkdir()
    (root / "etc" / "ld.so.conf").write_text("/usr/local/lib\n")
    done(["ldconfig", "-r", root])
    listed = ocidiet("list", "--root", root, "=/usr/local/bin/app")
    assert (listed.returncode, listed.stderr) == (0, "")
    top = unpacked(listed.stdout, tmp_path / "top", f"--transform=s,^/*{str(root)[1:]}/,,S", "-P")
    done(["chroot", top, "/usr/local/bin/app"])
    (top / "etc" / "ld.so.cache").unlink()
    with pytest.raises(AssertionError, match="libown"):
        done(["chroot", top, "/usr/local/bin/app"])


def test_tree_of_a_broken_program_shows_what_the_loader_says(tmp_path: Path) -> None:
    need("ldd")
    own = library(tmp_path / "libown.so.1", "int f(void) { return 0; }\n")
    cc(tmp_path / "app", "int f(void); int main(void) { return f(); }\n", own)
    real = [line.split()[0] for line in done(["ldd", "app"], tmp_path).splitlines() if "not found" in line]
    shown = ocidiet("tree", "app", cwd=tmp_path)
    said = [line.split()[1] for line in shown.stdout.splitlines() if line.endswith("not found")]
    assert (shown.returncode, said) == (1, real)
