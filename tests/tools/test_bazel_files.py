"""What stands in rules/ and at the top for Bazel: formatted, documented, of the tool's own version, and it works."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest

from ocidiet import __version__
from tests.support import CHECKOUT, Engine, done, need, run
from tests.tools.bazel_lab import FOUR, Lab, Workspace, cache

BUILDIFIER = "8.2.1"
MODULES = ("", "rules/tests/", "examples/05-bazel/")


def buildifier() -> Path:
    """The program from its npm package, got once."""
    place = cache() / f"buildifier-{BUILDIFIER}"
    program = place / "node_modules/@bazel/buildifier/buildifier-linux_amd64"
    if not program.exists():
        need("npm")
        options = ["--no-audit", "--no-fund", "--ignore-scripts", f"--prefix={place}"]
        done(["npm", "install", *options, f"@bazel/buildifier@{BUILDIFIER}"])
    return program


def test_buildifier_has_nothing_to_say() -> None:
    names = done(["git", "-c", f"safe.directory={CHECKOUT}", "ls-files"], CHECKOUT).splitlines()
    ours = [name for name in names if re.search(r"(^|/)(BUILD|MODULE)\.bazel$|(^|/)WORKSPACE$|\.bzl$", name)]
    assert {f"{module}MODULE.bazel" for module in MODULES} <= set(ours)
    ended = run([buildifier(), "-mode=check", "-lint=warn", *ours], CHECKOUT)
    assert (ended.stdout + ended.stderr, ended.returncode) == ("", 0)


def test_the_module_has_the_tool_s_version() -> None:
    for name in ("MODULE.bazel", "rules/README.md", *(f"{module}MODULE.bazel" for module in MODULES[1:])):
        text = (CHECKOUT / name).read_text()
        assert set(re.findall(r'^ *version = "(.*)",$|"ocidiet", version = "(.*?)"', text, re.M)) <= {
            (__version__, ""),
            ("", __version__),
        }


def test_the_registry_s_files_are_of_its_shape() -> None:
    metadata = json.loads((CHECKOUT / ".bcr/metadata.template.json").read_text())
    assert set(metadata) == {"homepage", "maintainers", "repository", "versions", "yanked_versions"}
    source = json.loads((CHECKOUT / ".bcr/source.template.json").read_text())
    assert set(source) == {"integrity", "strip_prefix", "url"}
    path = re.search(r"module_path: (.*)", (CHECKOUT / ".bcr/presubmit.yml").read_text())
    assert path is not None
    assert (CHECKOUT / path[1] / "MODULE.bazel").is_file()


def test_every_public_name_is_documented() -> None:
    """Starlark of this kind is Python, too."""
    text = (CHECKOUT / "rules/README.md").read_text()
    exported = [
        node.targets[0].id
        for node in ast.parse((CHECKOUT / "rules/defs.bzl").read_text()).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    ]
    assert [name for name in exported if name not in text and name != "OcidietRootInfo"] == []
    for path in (CHECKOUT / "rules/private").glob("*.bzl"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{path.name}: {node.name}"


@pytest.fixture(scope="module")
def blocks() -> list[str]:
    """The README's Starlark, in order."""
    return re.findall(r"^```starlark\n(.*?)^```$", (CHECKOUT / "rules/README.md").read_text(), re.M | re.S)


def test_the_readme_s_snippets_work(lab: Lab, blocks: list[str]) -> None:
    module, server, _ = blocks
    (rc,) = re.findall(r"^```bazelrc\n(.*?)^```$", (CHECKOUT / "rules/README.md").read_text(), re.M | re.S)
    made = lab.workspace(lab.home / "of_the_readme", "base-of-the-readme")
    override = f'local_path_override(module_name = "ocidiet", path = "{lab.home}/ocidiet")\n'
    made.write("MODULE.bazel", f'bazel_dep(name = "rules_cc", version = "0.0.11")\n{module}{override}')
    example = (CHECKOUT / "examples/05-bazel/WORKSPACE").read_text()
    made.write("WORKSPACE", example.replace('"../.."', f'"{lab.home}/ocidiet"'))
    made.write(".bazelrc", rc)
    program = 'load("@rules_cc//cc:defs.bzl", "cc_binary")\ncc_binary(name = "server", srcs = ["server.c"])\n'
    made.write("server/BUILD.bazel", server + program)
    made.write("server/server.c", "int main(void) { return 0; }\n")
    made.write("server/server.toml", "")
    (hello,) = re.findall(r"^```starlark\n(.*?)^```$", (CHECKOUT / "README.md").read_text(), re.M | re.S)
    made.write("hello/BUILD.bazel", hello + program.replace("server", "hello"))
    made.write("hello/hello.c", "int main(void) { return 0; }\n")
    made.write("hello/hello.conf", "")
    made.test("//...")
    assert "server  [x86_64, glibc]" in made.run("@ocidiet//:tree", "bazel-bin/server/server").stdout
    made.bazel("shutdown")


def test_an_archive_from_elsewhere_is_a_root(lab: Lab, tested: Workspace) -> None:
    if lab.version == FOUR:
        return  # which has no module extensions
    made = lab.workspace(lab.home / "of_an_archive", "base-of-an-archive")
    root = tested.path / "roots/root.tar"
    module = f"""\
bazel_dep(name = "ocidiet", version = "{__version__}")
local_path_override(module_name = "ocidiet", path = "{lab.home}/ocidiet")
sysroot = use_extension("@ocidiet//rules:extensions.bzl", "sysroot")
sysroot.archive(name = "debian", sha256 = "{hashlib.sha256(root.read_bytes()).hexdigest()}", urls = ["file://{root}"])
use_repo(sysroot, "debian")
"""
    made.write("MODULE.bazel", module)
    tar = 'ocidiet_tar(name = "image", binaries = ["c"], root = "@debian//:root")\n'
    made.write("BUILD.bazel", f'load("@ocidiet//rules:defs.bzl", "ocidiet_tar")\n{tar}')
    shutil.copy(tested.out("app/c"), made.path / "c")
    made.build("//:image")
    assert made.out("image.tar").read_bytes() == tested.out("images/c_of_tar.tar").read_bytes()
    made.bazel("shutdown")


def test_the_repository_itself_is_built(lab: Lab) -> None:
    made = lab.workspace("", "base-of-the-repository")
    made.build("//...")
    assert made.run("//:tree", "--help").returncode == 0
    made.bazel("shutdown")


def test_the_example_works(lab: Lab, docker: Engine) -> None:
    made = lab.workspace("examples/05-bazel", "base-of-the-example")
    made.build("//...")
    made.test("//...")
    docker("load", "-i", made.out("image.oci.tar"))
    assert docker.run("greet:latest", "you", "me") == "Hello you\nHello me\n"
    docker("rmi", "-f", "greet:latest")
    made.bazel("shutdown")
