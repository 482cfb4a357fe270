"""rules/ with real Bazel: what is not declared has no part, whatever the machine is like."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.support import done, in_chroot, need
from tests.tools.bazel_lab import FOUR, Lab, Spawn, Workspace
from tests.tools.bazel_roots import DIRECTORY
from tests.tools.test_bazel import unpacked


def packed_anew(tested: Workspace, *flags: str) -> Spawn:
    """The command that packs an image of files, of which one is another than before."""
    with open(tested.path / "roots/files" / DIRECTORY / "libm.so.6", "ab") as file:
        file.write(b"x")
    built = tested.build("//images:app_of_files", *flags)
    assert [spawn.runner for spawn in built.spawns if spawn.mnemonic == "OcidietTar"] == ["linux-sandbox"]
    return next(spawn for spawn in built.spawns if spawn.mnemonic == "OcidietTar")


def test_a_root_serves_where_the_machine_s_own_libraries_are_hidden(tested: Workspace) -> None:
    # Those that Python itself needs not.
    real = [(tested.lab.top / DIRECTORY / name).resolve() for name in ("libstdc++.so.6", "libgcc_s.so.1")]
    hidden = [f"/{path.relative_to(tested.lab.top)}" for path in real]
    flags = [f"--sandbox_block_path={path}" for path in hidden]
    packed_anew(tested, *flags)
    # They are hidden indeed: a file that nobody may read, but root, who finds it empty.
    for name, *more in (["seen"], ["hidden", *flags]):
        rule = f'genrule(name = "{name}", outs = ["of_{name}"], cmd = "cat {hidden[0]} >$@ || true")\n'
        tested.write("hidden/BUILD.bazel", rule)
        tested.build(f"//hidden:{name}", *more)
        assert (tested.out(f"hidden/of_{name}").read_bytes() == b"") is (name == "hidden")


@pytest.mark.parametrize("strategy", ["sandboxed", "local"])
def test_nothing_undeclared_is_looked_at(tested: Workspace, strategy: str) -> None:
    need("strace")
    spawn = packed_anew(tested)
    execroot = sandbox = Path(tested.bazel("info", "execution_root").stdout.strip())
    if strategy == "sandboxed":
        sandbox = tested.lab.home / "traced"
        for name in spawn.inputs:
            (sandbox / name).parent.mkdir(parents=True, exist_ok=True)
            (sandbox / name).symlink_to(execroot / name)
        for name in spawn.outputs:
            (sandbox / name).parent.mkdir(parents=True, exist_ok=True)

    def asked(*argv: str) -> set[str]:
        words = ["strace", "-f", "-s", "4096", "-o", str(tested.lab.home / "trace"), "-e", "trace=%file", *argv]
        done([*tested.lab.enter, *words], sandbox)
        return {name for name in re.findall(r'"([^"]*)"', (tested.lab.home / "trace").read_text()) if name}

    found = {os.path.relpath(name, sandbox) if name.startswith(str(sandbox)) else name for name in asked(*spawn.argv)}
    found -= asked(*spawn.argv[:4], "--version")
    declared = {*spawn.inputs, *spawn.outputs, *spawn.argv}
    directories = {str(path) for name in declared for path in Path(name).parents}
    temporary = tuple(f"{os.path.dirname(name)}/.{os.path.basename(name)}" for name in spawn.outputs)
    of_python = re.compile(rf"/usr/lib/python3|/proc/self/fd|{spawn.argv[3]}/")
    found = {name.rstrip("/") for name in found if not of_python.match(name) and not name.startswith(temporary)}
    assert found - declared - directories == set()


def own_python(tested: Workspace) -> None:
    """A Python among the workspace's files."""
    real = (tested.lab.top / "usr/bin/python3").resolve().name
    home = tested.path / "python"
    (home / "bin").mkdir()
    shutil.copy(tested.lab.top / "usr/bin" / real, home / "bin/python3")
    unneeded = shutil.ignore_patterns(
        "test", "__pycache__", "dist-packages", "idlelib", "tkinter", "ensurepip", "config-*", "sitecustomize.py"
    )
    shutil.copytree(tested.lab.top / "usr/lib" / real, home / "lib" / real, ignore=unneeded, symlinks=False)


def test_an_interpreter_of_the_build_s_own_is_all_that_the_tool_needs(tested: Workspace) -> None:
    own_python(tested)
    python = f"/usr/bin/{(tested.lab.top / 'usr/bin/python3').resolve().name}"
    flags = ["--extra_toolchains=//python:toolchain"]
    flags += [f"--sandbox_block_path={path}" for path in ("/usr/bin/python3", python)]
    built = tested.build("//images:app", *flags, "--sandbox_block_path=/usr/bin/env")
    assert built.ran == {"OcidietTool": 1, "OcidietTar": 1, "OcidietVerify": 1} or tested.lab.version == FOUR
    packed = next(spawn for spawn in built.spawns if spawn.mnemonic == "OcidietTar")
    assert packed.argv[:2] == ["python/bin/python3", "-IS"]
    tested.test("//images:verify_test", *flags)  # of which env starts Bazel's own part


def test_an_image_is_made_for_another_machine(lab: Lab, tested: Workspace, tmp_path: Path) -> None:
    need("qemu-aarch64-static")
    libraries = tested.path / "cross/sysroot/lib"
    libraries.mkdir(parents=True)
    for name in ("libc.so.6", "ld-linux-aarch64.so.1"):
        shutil.copy(lab.top / "usr/aarch64-linux-gnu/lib" / name, libraries)
    flags = ["--extra_toolchains=//cross:toolchain"]
    flags += ["--incompatible_enable_cc_toolchain_resolution"] if lab.version == FOUR else []
    for words in (["//cross:of_its_own"], ["//cross:of_the_build", "--platforms=//cross:aarch64"]):
        if lab.version == FOUR and "of_the_build" in words[0]:
            continue  # which tells nobody of a sysroot
        output = tested.build(*words, *flags).output
        (image,) = (tested.path / line.strip() for line in output.splitlines() if line.endswith(".tar"))
        (tmp_path / image.name).mkdir()
        root = unpacked(tmp_path / image.name, image)
        shutil.copy(shutil.which("qemu-aarch64-static") or "", root / "qemu")
        assert in_chroot(root, "/qemu", "/usr/local/bin/hello") == "cross 6\n"
