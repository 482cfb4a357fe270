"""rules/ with real Bazel: what is in an image, where it came from, and what is said of it."""

from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path

import pytest

from tests.support import Engine, done, in_chroot, members, need
from tests.tools.bazel_lab import FOUR, Workspace
from tests.tools.bazel_roots import DIRECTORY, LOADER

PRINTED = {
    "alone": ("alone", "Hello World 1\n"),
    "app": ("app", "Hello World 1\n"),
    "c": ("c", "C\n"),
    "sh": ("hello.sh", "Hello sh\n"),
    "with_pre": ("with_pre", "pre 7\n"),
}
"""Image -> its program, and what that prints."""
KINDS = ("files", "host", "listed", "tar")
"""Of roots."""


def names(tar: Path) -> list[str]:
    """Of all that is no directory."""
    return [name for name, member in members(tar).items() if member[0] != tarfile.DIRTYPE]


def unpacked(tmp_path: Path, *tars: Path) -> Path:
    need("tar")
    root = tmp_path / "root"
    root.mkdir()
    for tar in tars:
        done(["tar", "-C", root, "-xf", tar])
    return root


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("image", PRINTED)
def test_an_image_starts_in_an_empty_root(tested: Workspace, tmp_path: Path, image: str, kind: str) -> None:
    program, printed = PRINTED[image]
    root = unpacked(tmp_path, tested.out(f"images/{image}_of_{kind}.tar"))
    assert in_chroot(root, f"/usr/local/bin/{program}") == printed


def test_the_root_may_be_an_image(tested: Workspace, tmp_path: Path) -> None:
    root = unpacked(tmp_path, tested.out("images/c_of_image.tar"))
    assert in_chroot(root, "/usr/local/bin/c") == "C\n"


def test_a_flag_names_the_root_of_all_images(tested: Workspace) -> None:
    flag = "--@ocidiet//rules:root=//roots:bare"
    assert "not found among declared inputs" in tested.fails("//images:app", flag)
    tested.build("//images:app", "--@ocidiet//rules:root=//roots:root.tar")
    assert names(tested.out("images/app.tar")) == names(tested.out("images/app_of_tar.tar"))


def test_an_image_of_shared_libraries_starts_in_an_empty_root(tested: Workspace, tmp_path: Path) -> None:
    if tested.lab.version == FOUR:
        return  # which has no cc_shared_library
    image = tested.out("shared/image.tar")
    assert in_chroot(unpacked(tmp_path, image), "/usr/local/bin/program") == "shared 5\n"
    # Each stands twice among the runfiles.
    assert [name for name in names(image) if name.endswith("_so.so")] == [
        "usr/local/_solib_k8/_Ushared/libdep_so.so",
        "usr/local/_solib_k8/_Ushared/libtop_so.so",
    ]


def layers(tested: Workspace) -> list[Path]:
    return [tested.out(f"images/layered.{kind}.tar") for kind in ("libc", "system", "own", "app")]


@pytest.mark.parametrize("image", ["app_of_tar", "layered"])
def test_an_image_runs_in_docker(tested: Workspace, tmp_path: Path, docker: Engine, image: str) -> None:
    tars = layers(tested) if image == "layered" else [tested.out(f"images/{image}.tar")]
    done(["tar", "-C", unpacked(tmp_path, *tars), "-cf", tmp_path / "image.tar", "."])
    docker("import", tmp_path / "image.tar", f"bazel-{image}:latest")
    assert docker.run(f"bazel-{image}", "/usr/local/bin/app") == "Hello World 1\n"


def test_an_archive_is_loaded_by_bazel_run(tested: Workspace, tmp_path: Path, docker: Engine) -> None:
    engine = tmp_path / "engine"
    engine.write_text('#!/bin/sh\necho "$@"; readlink -f "$4"\n')
    engine.chmod(0o755)
    tested.env["OCIDIET_ENGINE"] = str(engine)
    words, path = tested.run("//images:archive", "--quiet").stdout.splitlines()
    assert words == "load --quiet -i images/archive.oci.tar"
    docker("load", "-i", path)
    assert docker.run("bazel-app:1") == "Hello World 1\n"
    (config,) = json.loads(docker("image", "inspect", "bazel-app:1"))
    asked = config["Config"]
    assert (asked["Entrypoint"], asked["Cmd"]) == (["/usr/local/bin/app"], ["unused"])
    assert (asked["User"], asked["Labels"]) == ("65532", {"of": "bazel"})
    assert asked["Env"][1] == f"GREETING=Hello {asked['Env'][0][5:]}"
    assert len(config["RootFS"]["Layers"]) == 4


REFUSED = {
    "base": "base: //wrong:several is several files; an image is one",
    "base_layout": "layout: a base has one of its own",
    "empty": "neither binaries nor extras: there is nothing to put into the image",
    "extras": 'extras: //app:c: "" is not absolute; a place in the image is',
    "layers": 'layers: ["app", "libc"]: name some of ["libc", "system", "own", "app"], in this order',
    "none": "binaries: //wrong:nothing has no program or shared library",
    "package_dir": 'package_dir: "app" is not absolute; a place in the image is',
    "place": 'binaries: //app:app: "opt/app" is not absolute; a place in the image is',
    "places": "binaries: //wrong:several is several files: their place is a directory, /opt/app/",
    "twice": "binaries: //app:app and //app:c are both at /opt/app; give one another place: {LABEL: PLACE}",
}
"""Target -> what is said of it."""

LIBC_NAMES = [
    "lib64",
    f"{DIRECTORY}/{LOADER}",
    f"{DIRECTORY}/libc.so.6",
    f"usr/lib64/{LOADER}",
]


def is_system(name: str) -> bool:
    return name.startswith(DIRECTORY) or name in LIBC_NAMES


def test_places_are_as_the_target_says(tested: Workspace) -> None:
    found = members(tested.out("images/all.tar"))
    own = [name for name, member in found.items() if member[0] != tarfile.DIRTYPE and not is_system(name)]
    assert own == [
        "app/_solib_k8/liblib_Slibgreet.so",
        "app/_solib_k8/liblib_Slibname.so",
        "app/app/app",
        "etc/a.conf",
        "opt/c",
        "srv/a.conf",
        "srv/conf.d/b.conf",
        "usr/_solib_k8/_U_S_Spre_Cpre___Upre/libpre.so",
        "usr/bin/pre",
        "usr/share/hello",
    ]
    assert {name: found[name][1] for name in ("app/app/app", "etc/a.conf", "usr/share/hello")} == {
        "app/app/app": 0o755,
        "etc/a.conf": 0o644,
        "usr/share/hello": 0o644,
    }
    with tarfile.open(tested.out("images/all.tar")) as archive:
        assert {member.mtime for member in archive} == {1}


def test_all_programs_of_a_target_are_in_a_layer_for_a_base_with_links(tested: Workspace) -> None:
    found = names(tested.out("images/several.tar"))
    assert [name for name in found if not is_system(name)] == ["opt/alone", "opt/c", "opt/libpre.so"]
    assert [name for name in found if not name.startswith(("opt/", "usr/"))] == []


def test_an_imported_library_is_as_good_as_its_file(tested: Workspace) -> None:
    assert tested.out("images/imported.tar").read_bytes() == tested.out("images/library.tar").read_bytes()


def test_layers_are_several_tars(tested: Workspace) -> None:
    libc, system, own, app = [names(path) for path in layers(tested)]
    assert set(LIBC_NAMES) <= set(libc)
    assert {name for name in system if "libz" in name or name == "libstdc++.so.6"}
    assert all(is_system(name) for name in (*libc, *system))
    assert own == ["usr/local/_solib_k8/liblib_Slibgreet.so", "usr/local/_solib_k8/liblib_Slibname.so"]
    assert app == ["usr/local/bin/app"]


def test_a_layer_over_a_base_is_what_the_base_lacks(tested: Workspace, tmp_path: Path) -> None:
    base, layer = tested.out("images/c_of_listed.tar"), tested.out("images/over_base.tar")
    assert set(names(base)) & set(names(layer)) == set()
    assert in_chroot(unpacked(tmp_path, base, layer), "/usr/local/bin/app") == "Hello World 1\n"


def test_default_outputs_are_the_tars_alone(tested: Workspace) -> None:
    def told(target: str) -> list[str]:
        return [line.strip() for line in tested.build(target).output.splitlines() if "bazel-bin/" in line]

    kinds = ("libc", "system", "own", "app")
    assert told("//images:layered") == [f"bazel-bin/images/layered.{kind}.tar" for kind in kinds]
    assert told("//images:app") == ["bazel-bin/images/app.tar"]


def test_what_is_told_of_an_image_is_in_output_groups(tested: Workspace) -> None:
    tested.build("//images:app", "--output_groups=report,mtree,closure")
    report = json.loads(tested.out("images/app.report.json").read_text())
    assert "/usr/local/bin/app" in [entry["path"] for entry in report["entries"]]
    assert "./usr/local/bin/app type=file mode=0755" in tested.out("images/app.mtree").read_text()
    assert "/usr/local/_solib_k8/liblib_Slibname.so" in tested.out("images/app.closure").read_text()


def test_what_is_declared_nowhere_is_an_error_that_names_it(tested: Workspace) -> None:
    output = tested.fails("//images:undeclared")
    assert re.search(r"^ocidiet: error: //app:app: \d libraries not found among declared inputs$", output, re.M)
    assert "  libz.so.1, needed by app/app\n    RUNPATH     _solib_k8/libz.so.1 " in output
    assert "\n  hint: add its cc_library or cc_import to deps, or its package to the root" in output


def test_without_a_root_the_error_tells_what_to_write(tested: Workspace) -> None:
    output = tested.fails("//images:rootless")
    assert "Error in fail: no root to take libraries from" in output
    assert "\n    build --@ocidiet//rules:root=@NAME//:root\n" in output


def test_attributes_that_cannot_be_are_refused_before_anything_runs(tested: Workspace) -> None:
    output = tested.fails("-k", "//wrong/...")
    told = re.findall(r"rule //wrong:(\w+): $.*?^Error in fail: (.*?)$", output, re.M | re.S)
    assert dict(told) == REFUSED


def test_a_complete_image_passes_its_test(tested: Workspace) -> None:
    assert tested.test("//images/...").ran["TestRunner"] >= 2


def test_an_incomplete_image_fails_its_test(tested: Workspace, tmp_path: Path) -> None:
    root = unpacked(tmp_path, tested.out("images/app_of_listed.tar"))
    (root / "usr/local/_solib_k8/liblib_Slibname.so").unlink()
    done(["tar", "-C", root, "-cf", tested.path / "images/incomplete.tar", "."])
    output = tested.fails("//images:incomplete_test", "--test_output=errors", command="test")
    assert "images/incomplete.tar: 1 defect\n" in output
    assert "liblib_Slibname.so" in output


def test_rows_of_paths_hold(tested: Workspace) -> None:
    tested.build("@ocidiet//rules/private/tests:paths")


def test_the_tool_s_verbs_are_run_by_bazel(tested: Workspace) -> None:
    ran = tested.run("@ocidiet//:tree", "bazel-bin/app/app")
    assert ran.stdout.startswith("bazel-bin/app/app  [x86_64, glibc]\n"), ran.stderr
    assert "liblib_Slibgreet.so" in ran.stdout
    assert "libz.so.1" in tested.run("@ocidiet//:list", "bazel-bin/app/app").stdout
