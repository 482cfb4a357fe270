"""find_package(ocidiet) and ocidiet_add_image, with the real CMake and all its generators that a Linux has."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

import ocidiet
from ocidiet.oci import PATH
from tests.support import CHECKOUT, HELLO, PYTHON, Engine, cc, clean_env, done, library, need, run

MODULE = CHECKOUT / "cmake"
GENERATORS = ["Ninja", "Ninja Multi-Config", "Unix Makefiles"]
HEAD = """\
cmake_minimum_required(VERSION 3.20)
project(p {languages})
find_package(ocidiet 0.1 CONFIG REQUIRED)
"""
GREET = {
    "main.c": "const char *greeting(void);\n#include <stdio.h>\nint main(void) { puts(greeting()); return 0; }\n",
    "greeting.c": 'const char *greeting(void) { return "Hello World"; }\n',
    "plugin.c": "int plugin(void) { return 1; }\n",
    "greet.conf": "greeting = Hello\n",
    "conf/a": "a\n",
}
GREET_TARGETS = """\
add_library(greeting SHARED greeting.c)
set_target_properties(greeting PROPERTIES VERSION 1.2.3 SOVERSION 1)
add_library(plugin MODULE plugin.c)
set_target_properties(plugin PROPERTIES PREFIX "")
add_executable(greet main.c)
target_link_libraries(greet greeting)
"""
DEPLOY = """\
set(image $<GENEX_EVAL:$<TARGET_PROPERTY:greet_image,OCIDIET_IMAGE>>)
add_custom_command(OUTPUT deployed COMMAND ${CMAKE_COMMAND} -E touch deployed
  DEPENDS greet_image ${image} COMMENT DEPLOY)
add_custom_target(deploy DEPENDS deployed)
"""


class Project:
    """A CMake project in source/, its build tree in build/."""

    def __init__(self, home: Path, listfile: str, languages: str = "C", **files: str) -> None:
        need("cmake", "ninja", "make", "cc")
        self.source, self.build_tree = home / "source", home / "build"
        for name, text in {"CMakeLists.txt": HEAD.format(languages=languages) + listfile, **files}.items():
            (self.source / name).parent.mkdir(parents=True, exist_ok=True)
            (self.source / name).write_text(text)

    def configure(self, generator: str = "Ninja", *flags: str) -> subprocess.CompletedProcess[str]:
        where = ["-S", str(self.source), "-B", str(self.build_tree), f"-Docidiet_DIR={MODULE}"]
        return run(["cmake", "-Wno-dev", "-G", generator, *where, *flags])

    def configured(self, generator: str = "Ninja", *flags: str) -> Project:
        ended = self.configure(generator, *flags)
        assert ended.returncode == 0, ended.stderr
        return self

    def build(self, target: str, *flags: str) -> list[str]:
        """What a build of `target` tells that this module's rules and those behind them do."""
        out = done(["cmake", "--build", self.build_tree, "--target", target, *flags])
        return [line.split("] ")[-1] for line in out.splitlines() if "Packing" in line or "DEPLOY" in line]

    def says(self, target: str) -> str:
        """The output of a build of `target`, whatever comes of it."""
        ended = run(["cmake", "--build", self.build_tree, "--target", target])
        return ended.stdout + ended.stderr


def greet(home: Path, image: str) -> Project:
    return Project(home, GREET_TARGETS + image + DEPLOY, **GREET)


def listing(path: Path) -> dict[str, str]:
    """Name -> a link's text, else its kind, of what does not come from the system."""
    kinds = {tarfile.REGTYPE: "file", tarfile.DIRTYPE: "dir"}
    with tarfile.open(path) as archive:
        members = {m.name: m.linkname or kinds[m.type] for m in archive if "ld-linux" not in m.name}
    return {name: what for name, what in members.items() if what != "dir" and "/libc." not in name}


def triplet() -> str:
    return done(["cc", "-print-multiarch"]).strip()


@pytest.mark.parametrize("generator", GENERATORS)
def test_an_image_holds_what_its_keywords_name(tmp_path: Path, generator: str) -> None:
    """Libraries by the build RPATH, modules, generator expressions, what other rules generate; and it settles."""
    keywords = """\
add_custom_command(OUTPUT made.conf COMMAND ${CMAKE_COMMAND} -E touch made.conf)
ocidiet_add_image(greet_image TARGETS greet plugin OUTPUT_NAME greet
  EXTRA greet.conf:/etc/greet.conf conf:/etc/greet ${CMAKE_CURRENT_BINARY_DIR}/made.conf:/etc/made.conf
    $<TARGET_FILE:plugin>:/again
  OPTIONS $<$<CONFIG:Debug>:--mtime=7> --library-path ${CMAKE_SOURCE_DIR})
"""
    project = greet(tmp_path, keywords).configured(generator, "-DCMAKE_BUILD_TYPE=Debug")
    assert project.build("deploy") == ["Packing image greet.tar", "DEPLOY"]
    image = project.build_tree / ("Debug" if "Multi" in generator else ".") / "greet.tar"
    assert listing(image) == {
        "again": "file",
        "etc/greet.conf": "file",
        "etc/greet/a": "file",
        "etc/made.conf": "file",
        f"usr/lib/{triplet()}/libgreeting.so.1": "file",
        "usr/local/bin/greet": "file",
        "usr/local/lib/plugin.so": "file",
    }
    with tarfile.open(image) as archive:
        assert {member.mtime for member in archive} == {7}
    assert b"build/" not in b"".join(path.encode() for path in listing(image))
    assert (project.build("deploy"), project.build("image")) == ([], [])
    if generator == "Ninja Multi-Config":
        assert project.build("deploy", "--config", "Release") == ["Packing image greet.tar", "DEPLOY"]
        with tarfile.open(project.build_tree / "Release/greet.tar") as archive:
            assert {member.mtime for member in archive} == {0}
        assert project.build("deploy") + project.build("deploy", "--config", "Release") == []


@pytest.mark.parametrize("generator", GENERATORS)
def test_incremental_what_is_behind_an_image_runs_when_its_content_changes(tmp_path: Path, generator: str) -> None:
    """A library of the project, too, that no program is linked again for; and a rule's own words."""
    image = "ocidiet_add_image(greet_image TARGETS greet EXTRA greet.conf:/etc/greet.conf OPTIONS --mtime=${T})\n"
    project = greet(tmp_path, "set_target_properties(greet PROPERTIES LINK_DEPENDS_NO_SHARED ON)\n" + image)
    project.configured(generator, "-DT=1")
    packed = "Packing image greet_image.tar"
    assert project.build("deploy") == [packed, "DEPLOY"]
    assert project.build("deploy") == []
    (project.source / "main.c").touch()
    assert (project.build("deploy"), project.build("deploy")) == ([packed], [])
    (project.source / "greeting.c").write_text('const char *greeting(void) { return "Good Bye"; }\n')
    assert (project.build("deploy"), project.build("deploy")) == ([packed, "DEPLOY"], [])
    project.configured(generator, "-DT=2")
    assert (project.build("deploy"), project.build("deploy")) == ([packed, "DEPLOY"], [])
    project.configured(generator, "-DT=2", "-DUNUSED=1")
    assert project.build("deploy") == []
    done(["cmake", "--build", project.build_tree, "--target", "clean"])
    assert list(project.build_tree.rglob("greet_image.tar*")) == []
    assert project.build("deploy") == [packed, "DEPLOY"]


def test_install_rpath_keeps_the_install_tree_s_layout(tmp_path: Path) -> None:
    """With CMAKE_BUILD_WITH_INSTALL_RPATH the library is found beside the program."""
    directories = "set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)\n"
    directories += "set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)\n"
    project = Project(
        tmp_path, directories + GREET_TARGETS + "ocidiet_add_image(greet_image TARGETS greet)\n", **GREET
    ).configured("Ninja", "-DCMAKE_BUILD_WITH_INSTALL_RPATH=ON", "-DCMAKE_INSTALL_RPATH=$ORIGIN/../lib")
    project.build("image")
    assert listing(project.build_tree / "greet_image.tar") == {
        "usr/local/bin/greet": "file",
        "usr/local/lib/libgreeting.so.1": "file",
    }


@pytest.mark.parametrize("generator", GENERATORS)
def test_an_install_component_is_packed_as_it_is_installed(tmp_path: Path, generator: str) -> None:
    """Its RPATH, its places and what `install` alone knows of; what is installed no more is gone."""
    rules = """\
set_target_properties(greet PROPERTIES INSTALL_RPATH "$ORIGIN/../lib/greet")
install(TARGETS greet COMPONENT Runtime)
install(TARGETS greeting LIBRARY DESTINATION lib/greet COMPONENT Runtime NAMELINK_SKIP)
install(TARGETS plugin DESTINATION lib/other COMPONENT Other)
install(FILES greet.conf DESTINATION /etc COMPONENT Runtime)
if(MORE)
  install(DIRECTORY conf DESTINATION share COMPONENT Runtime)
endif()
ocidiet_add_image(greet_image TARGETS greet greeting INSTALL_COMPONENT Runtime OUTPUT_NAME greet)
"""
    project = greet(tmp_path, rules)
    prefix = "-DCMAKE_INSTALL_PREFIX=/opt/greet"
    project.configured(generator, "-DMORE=1", prefix)
    packed = "Packing image greet.tar"
    assert project.build("deploy") == [packed, "DEPLOY"]
    image = project.build_tree / ("Debug" if "Multi" in generator else ".") / "greet.tar"
    installed = {
        "etc/greet.conf": "file",
        "opt/greet/bin/greet": "file",
        "opt/greet/lib/greet/libgreeting.so.1": "libgreeting.so.1.2.3",
        "opt/greet/lib/greet/libgreeting.so.1.2.3": "file",
    }
    assert listing(image) == {**installed, "opt/greet/share/conf/a": "file"}
    assert project.build("deploy") == [packed]
    (project.source / "greet.conf").write_text("greeting = Good Bye\n")
    assert (project.build("deploy"), project.build("deploy")) == ([packed, "DEPLOY"], [packed])
    project.configured(generator, "-DMORE=", prefix)
    assert project.build("deploy") == [packed, "DEPLOY"]
    assert listing(image) == installed
    image.unlink()
    assert project.build("deploy") == [packed, "DEPLOY"]
    assert "\nopt/greet/bin/greet " in project.says("greet_image_list")
    (project.build_tree / ".state").touch()
    project.build("clean")
    assert [path for path in project.build_tree.rglob("greet.*") if "CMakeFiles" not in path.parts] == []
    assert (project.build_tree / ".state").exists()


def test_a_base_s_files_are_left_out_of_the_layer(tmp_path: Path) -> None:
    images = """\
ocidiet_add_image(base TARGETS greet)
set(image $<GENEX_EVAL:$<TARGET_PROPERTY:base,OCIDIET_IMAGE>>)
ocidiet_add_image(greet_image TARGETS greet plugin BASE ${image})
add_dependencies(greet_image base)
"""
    project = greet(tmp_path, images).configured()
    project.build("greet_image")
    with tarfile.open(project.build_tree / "greet_image.tar") as layer:
        names = [member.name for member in layer if not member.isdir()]
    assert "usr/local/lib/plugin.so" in names
    assert [name for name in names if "/libc." in name or "ld-linux" in name] == []
    assert project.build("greet_image") == []


def test_a_layout_is_the_tool_s(tmp_path: Path) -> None:
    project = greet(tmp_path, "ocidiet_add_image(greet_image TARGETS greet LAYOUT merged)\n").configured()
    project.build("greet_image")
    with tarfile.open(project.build_tree / "greet_image.tar") as layer:
        assert [name for name in layer.getnames() if not name.startswith("usr")] == []


def test_imported_and_shared_targets_have_places(tmp_path: Path) -> None:
    cc(tmp_path / "prebuilt/tool", HELLO)
    library(tmp_path / "prebuilt/libother.so.2", "int other(void) { return 2; }\n")
    targets = f"""\
add_executable(vendor::tool IMPORTED)
set_target_properties(vendor::tool PROPERTIES IMPORTED_LOCATION {tmp_path}/prebuilt/tool)
add_library(vendor::other SHARED IMPORTED)
set_target_properties(vendor::other PROPERTIES IMPORTED_LOCATION {tmp_path}/prebuilt/libother.so.2)
add_library(alias ALIAS greeting)
ocidiet_add_image(greet_image TARGETS vendor::tool vendor::other alias)
"""
    project = greet(tmp_path, targets).configured("Ninja", "-DCMAKE_INSTALL_LIBDIR=lib64", "-DCMAKE_INSTALL_BINDIR=/b")
    project.build("image")
    assert listing(project.build_tree / "greet_image.tar") == {
        "b/tool": "file",
        "usr/local/lib64/libgreeting.so.1": "file",
        "usr/local/lib64/libother.so.2": "file",
    }


def test_image_makes_those_of_all_directories_and_all_those_that_ask(tmp_path: Path) -> None:
    sub = "ocidiet_add_image({0} TARGETS greet {1})\n"
    text = GREET_TARGETS + sub.format("one", "") + "add_subdirectory(two)\nadd_subdirectory(three)\n"
    files = {**GREET, "two/CMakeLists.txt": sub.format("two", "ALL"), "three/CMakeLists.txt": sub.format("three", "")}
    project = Project(tmp_path, text, **files).configured()
    project.build("all")
    assert [path.name for path in project.build_tree.rglob("*.tar")] == ["two.tar"]
    project.build("image")
    images = sorted(str(path.relative_to(project.build_tree)) for path in project.build_tree.rglob("*.tar"))
    assert images == ["one.tar", "three/three.tar", "two/two.tar"]


def test_an_image_may_itself_be_called_image(tmp_path: Path) -> None:
    project = Project(tmp_path, GREET_TARGETS + "ocidiet_add_image(image TARGETS greet)\n", **GREET).configured()
    assert project.build("image") == ["Packing image image.tar"]


@pytest.mark.parametrize("generator", ["Ninja", "Unix Makefiles"])
def test_list_and_tree_tell_without_an_image_and_verify_with_one(tmp_path: Path, generator: str) -> None:
    project = greet(tmp_path, "ocidiet_add_image(greet_image TARGETS greet OUTPUT_NAME g)\n").configured(generator)
    assert "\nusr/local/bin/greet " in project.says("greet_image_list")
    assert "── libgreeting.so.1 " in project.says("greet_image_tree")
    assert list(project.build_tree.glob("g.tar*")) == []
    assert f"{project.build_tree}/g.tar: ok, 1 program" in project.says("greet_image_verify")


@pytest.mark.parametrize("generator", ["Ninja", "Unix Makefiles"])
@pytest.mark.parametrize("name", ["a#b", "a$b", "a:b", "a\\b"])
def test_a_name_that_cmake_cannot_carry_is_refused_by_name(tmp_path: Path, generator: str, name: str) -> None:
    project = greet(tmp_path, "ocidiet_add_image(greet_image TARGETS greet EXTRA conf:/etc/conf)\n")
    (project.source / "conf" / name).touch()
    for _ in range(2):
        assert f"/source/conf/{name}: a depfile cannot carry this name: CMake loses" in project.configured(
            generator
        ).says("image")
    assert list(project.build_tree.glob("*.tar*")) == []


# Images that engines load ---------------------------------------------------------------------------

WORDS = """\
  ENTRYPOINT greet "two words" [[q"b\\s]] CMD --flag USER 65532 WORKDIR /srv ENV LANG=C.UTF-8 "A=b c" LABEL a=b
  TAG vendor/greet:1.2 IMAGE_OPTIONS --layers auto --expose 80
"""


def config_of(archive: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What an archive's docker list and its configuration say."""
    with tarfile.open(archive) as tar:

        def parsed(name: str) -> Any:
            member = tar.extractfile(name)
            assert member is not None
            return json.load(member)

        (listed,) = parsed("manifest.json")
        return listed, parsed(listed["Config"])["config"]


@pytest.mark.parametrize("generator", GENERATORS)
def test_words_of_an_image_have_an_archive_made_too(tmp_path: Path, generator: str) -> None:
    """By the same run; and what is behind either file runs when that has changed."""
    project = greet(tmp_path, f"ocidiet_add_image(greet_image TARGETS greet OUTPUT_NAME greet{WORDS})\n")
    with (project.source / "CMakeLists.txt").open("a") as listfile:
        listfile.write(DEPLOY.replace("deploy", "push").replace("OCIDIET_IMAGE", "OCIDIET_ARCHIVE"))
    project.configured(generator)
    packed = "Packing image greet.tar"
    assert project.build("push") == [packed, "DEPLOY"]
    top = project.build_tree / ("Debug" if "Multi" in generator else ".")
    listed, config = config_of(top / "greet.oci.tar")
    assert (listed["RepoTags"], len(listed["Layers"])) == (["vendor/greet:1.2"], 3)
    assert config == {
        "Cmd": ["--flag"],
        "Entrypoint": ["/usr/local/bin/greet", "two words", 'q"b\\s'],
        "Env": [f"PATH={PATH}", "LANG=C.UTF-8", "A=b c"],
        "ExposedPorts": {"80/tcp": {}},
        "Labels": {"a": "b"},
        "User": "65532",
        "WorkingDir": "/srv",
    }
    assert (project.build("push"), project.build("deploy"), project.build("deploy")) == ([], ["DEPLOY"], [])
    (project.source / "main.c").touch()
    assert (project.build("push"), project.build("push")) == ([packed], [])
    (top / "greet.oci.tar").unlink()
    assert (project.build("push"), project.build("push")) == ([packed, "DEPLOY"], [])
    assert f"{top}/greet.oci.tar: ok, 1 program" in project.says("greet_image_verify").replace("/./", "/")
    done(["cmake", "--build", project.build_tree, "--target", "clean"])
    assert list(project.build_tree.rglob("greet.*tar*")) == []


def test_an_installed_program_is_started_where_it_is_installed(tmp_path: Path) -> None:
    rules = "install(TARGETS greet greeting COMPONENT Runtime)\n"
    rules += "set_target_properties(greet PROPERTIES INSTALL_RPATH /opt/lib)\n"
    rules += "ocidiet_add_image(greet_image TARGETS greet INSTALL_COMPONENT Runtime ENTRYPOINT greet x)\n"
    project = greet(tmp_path, rules).configured("Ninja", "-DCMAKE_INSTALL_PREFIX=/opt")
    project.build("image")
    assert config_of(project.build_tree / "greet_image.oci.tar")[1]["Entrypoint"] == ["/opt/bin/greet", "x"]
    assert "ok, 1 program" in project.says("greet_image_verify")


@pytest.mark.parametrize("generator", ["Ninja", "Unix Makefiles"])
def test_load_makes_the_archive_and_an_engine_has_it(tmp_path: Path, generator: str, podman: Engine) -> None:
    project = greet(tmp_path, "ocidiet_add_image(greet_image TARGETS greet TAG cmake-greet:1)\n")
    project.configured(generator, f"-DOCIDIET_ENGINE={';'.join(podman.argv)}")
    assert "cmake-greet:1" in project.says("greet_image_load")
    assert podman.run("cmake-greet:1") == "Hello World\n"


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (["docker", "podman"], "docker load -i "),
        (["podman"], "podman load -i "),
        ([], "no container engine answers: install docker or podman, or set OCIDIET_ENGINE"),
    ],
)
def test_load_asks_docker_then_podman(tmp_path: Path, answers: list[str], said: str) -> None:
    project = greet(tmp_path, "ocidiet_add_image(greet_image TARGETS greet TAG cmake-greet:1)\n").configured()
    (tmp_path / "bin").mkdir()
    for name in ("docker", "podman"):
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\necho {name} $@\nexit {int(name not in answers)}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    env = clean_env(PATH=f"{tmp_path}/bin:{PATH}")
    ended = run(["cmake", "--build", project.build_tree, "--target", "greet_image_load"], env=env)
    assert (said in ended.stdout, ended.returncode) == (True, int(not answers))


# The root -----------------------------------------------------------------------------------------

CROSS = ["-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64"]
NO_ROOT = "cross-compiling, and no root to take libraries from: set CMAKE_SYSROOT"


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ([], None),
        (["-DROOT=/"], "/ (ROOT)"),
        (["-DCMAKE_SYSROOT=@/sys"], "@/sys (CMAKE_SYSROOT)"),
        (["-DCMAKE_FIND_ROOT_PATH=@/empty;@/found;@/sys"], "@/found (CMAKE_FIND_ROOT_PATH)"),
        (["-DCMAKE_FIND_ROOT_PATH=@/empty"], None),
        ([*CROSS, "-DROOT=@/given", "-DCMAKE_SYSROOT=@/sys"], "@/given (ROOT)"),
        ([*CROSS, "-DROOT=relative"], "@/source/relative (ROOT)"),
        ([*CROSS, "-DCMAKE_SYSROOT=@/sys", "-DCMAKE_FIND_ROOT_PATH=@/found"], "@/sys (CMAKE_SYSROOT)"),
        ([*CROSS, "-DCMAKE_FIND_ROOT_PATH=@/empty;@/found"], "@/found (CMAKE_FIND_ROOT_PATH)"),
        (CROSS, NO_ROOT),
        ([*CROSS, "-DCMAKE_FIND_ROOT_PATH=@/empty"], NO_ROOT),
        ([*CROSS, "-DROOT=/"], NO_ROOT),
        ([*CROSS, "-DCMAKE_SYSROOT=/"], NO_ROOT),
    ],
)
def test_root_is_the_first_that_is_named(tmp_path: Path, flags: list[str], told: str | None) -> None:
    """And never the machine's own where another one is the target."""
    for name in ("found/lib", "sys/lib", "given", "empty/lib", "source/relative"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "found/lib/ld-linux-aarch64.so.1").touch()
    image = "if(ROOT)\n  set(root ROOT ${ROOT})\nendif()\nocidiet_add_image(i TARGETS app ${root})\n"
    app = "add_executable(app IMPORTED)\nset_target_properties(app PROPERTIES IMPORTED_LOCATION /bin/true)\n"
    project = Project(tmp_path, app + image, "NONE")
    ended = project.configure("Ninja", *(flag.replace("@", str(tmp_path)) for flag in flags))
    if told == NO_ROOT:
        assert ended.returncode == 1
        assert NO_ROOT in " ".join(ended.stderr.split())
        return
    assert ended.returncode == 0, ended.stderr
    roots = [line.partition(": i: root ")[2] for line in ended.stdout.splitlines() if ": i: root " in line]
    assert roots == ([told.replace("@", str(tmp_path))] if told else [])
    assert (" --root " in (project.build_tree / "build.ninja").read_text()) is (told is not None)


@pytest.mark.parametrize("generator", GENERATORS)
def test_cross_compiled_image_comes_from_the_sysroot(tmp_path: Path, generator: str) -> None:
    need("aarch64-linux-gnu-gcc")
    toolchain = tmp_path / "toolchain.cmake"
    toolchain.write_text(
        "set(CMAKE_SYSTEM_NAME Linux)\nset(CMAKE_SYSTEM_PROCESSOR aarch64)\n"
        "set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)\nset(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu)\n"
    )
    project = greet(tmp_path, "ocidiet_add_image(greet_image TARGETS greet OUTPUT_NAME greet)\n")
    project.configured(generator, "--toolchain", str(toolchain))
    assert (project.build("deploy"), project.build("deploy")) == (["Packing image greet.tar", "DEPLOY"], [])
    image = project.build_tree / ("Debug" if "Multi" in generator else ".") / "greet.tar"
    with tarfile.open(image) as archive:
        loader = archive.extractfile("lib/ld-linux-aarch64.so.1")
        assert loader is not None
        assert loader.read() == Path("/usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1").read_bytes()
    depfile = project.says("greet_image_tree")
    assert "/lib/x86_64-linux-gnu" not in depfile


# Refusals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "why"),
    [
        ("ocidiet_add_image(i TARGETS app STRIP)", None),
        ("ocidiet_add_image(i app)", "unknown: app"),
        ("ocidiet_add_image(i BASES TARGETS app)", "unknown: BASES"),
        ("ocidiet_add_image(i USERS x TARGETS app)", "unknown: USERS;x"),
        ("ocidiet_add_image(i TARGETS app TAG)", "without a value: TAG"),
        ("ocidiet_add_image(i TARGETS app ROOT)", "without a value: ROOT"),
        ("ocidiet_add_image(i)", "TARGETS is missing"),
        ("ocidiet_add_image(i TARGETS EXTRA OPTIONS)", "TARGETS is missing"),
        ("ocidiet_add_image(i TARGETS nothing)", "nothing is no target (yet)"),
        ("ocidiet_add_image(i TARGETS archive)", "archive (STATIC_LIBRARY) is neither a program nor a library"),
        ("ocidiet_add_image(i TARGETS headers)", "headers (INTERFACE_LIBRARY) is neither a program nor a library"),
        ("ocidiet_add_image(i TARGETS deploy)", "deploy (UTILITY) is neither a program nor a library"),
    ],
)
def test_refusal_names_the_call_and_the_word(tmp_path: Path, call: str, why: str | None) -> None:
    targets = "add_executable(app IMPORTED)\nset_target_properties(app PROPERTIES IMPORTED_LOCATION /bin/true)\n"
    targets += "add_library(archive STATIC IMPORTED)\nadd_library(headers INTERFACE)\nadd_custom_target(deploy)\n"
    ended = Project(tmp_path, targets + call + "\n", "NONE").configure()
    said = " ".join(ended.stderr.split())
    wanted = why or "STRIP is no target (yet)"
    assert (ended.returncode, f"ocidiet_add_image(i): {wanted}" in said) == (1, True), said


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("", True),
        ("0.1", True),
        ("0.1.0", True),
        ("0.0.9", True),
        (f"{ocidiet.__version__} EXACT", True),
        ("0.1 EXACT", True),
        ("0.0.9 EXACT", False),
        ("0.2", False),
        ("1", False),
    ],
)
def test_find_package_answers_for_the_version_that_is_there(tmp_path: Path, wanted: str, found: bool) -> None:
    need("cmake", "ninja")
    text = f"cmake_minimum_required(VERSION 3.20)\nproject(p NONE)\nfind_package(ocidiet {wanted} CONFIG REQUIRED)\n"
    (tmp_path / "CMakeLists.txt").write_text(text + 'message(STATUS "is ${ocidiet_VERSION}")\n')
    ended = run(["cmake", "-G", "Ninja", "-B", tmp_path / "b", "-S", tmp_path, f"-Docidiet_DIR={MODULE}"])
    assert (ended.returncode == 0, f"-- is {ocidiet.__version__}\n" in ended.stdout) == (found, found), ended.stderr


def test_another_tool_may_be_named(tmp_path: Path) -> None:
    done([PYTHON, "-m", "ocidiet.zipapp", "-o", tmp_path / "ocidiet.pyz"], CHECKOUT)
    ended = run([PYTHON, "-IS", tmp_path / "ocidiet.pyz", "--cmakedir"])
    carries_none = "ocidiet: error: --cmakedir: this one-file form carries no ocidietConfig.cmake\n"
    assert (ended.returncode, ended.stderr.startswith(carries_none)) == (2, True)
    project = greet(tmp_path, "ocidiet_add_image(greet_image TARGETS greet)\n")
    project.configured("Ninja", f"-DOCIDIET={PYTHON};-IS;{tmp_path}/ocidiet.pyz")
    assert (project.build("deploy"), project.build("deploy")) == (["Packing image greet_image.tar", "DEPLOY"], [])
    (tmp_path / "ocidiet.pyz").touch()
    assert project.build("deploy") == ["Packing image greet_image.tar"]
