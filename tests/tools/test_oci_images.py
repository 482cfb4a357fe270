"""Images of --archive and --oci, with every tool that takes such: loaded, copied, unpacked and run."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support import (
    BASES,
    HELLO,
    MAIN,
    MERGED,
    PYTHON,
    Builder,
    Engine,
    Member,
    base_tar,
    cc,
    clean_env,
    done,
    library,
    need,
    ocidiet,
    run,
)

REQUEST = ["-b", "hello:/usr/local/bin/hello", "--tag", "hello:1", "--env", "WHO=me", "--label", "a=b"]
OUTPUTS = ["--archive", "hello.oci.tar", "--oci", "hello.oci"]


def pack(home: Path, *argv: str, **more: Any) -> None:
    ended = ocidiet(*argv, cwd=home, **more)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with `hello`, its tar, its archive and its layout."""
    home = tmp_path_factory.mktemp("oci")
    cc(home / "hello")
    pack(home, "-t", "hello.tar", *OUTPUTS, *REQUEST)
    return home


def blobs(layout: Path) -> dict[str, bytes]:
    """All blobs of a layout; each has the digest that its name says."""
    found = {path.name: path.read_bytes() for path in (layout / "blobs/sha256").iterdir()}
    assert {name: hashlib.sha256(data).hexdigest() for name, data in found.items()} == {name: name for name in found}
    return found


def image_of(layout: Path, number: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
    """Manifest and configuration of one image of a layout."""
    entry = json.loads((layout / "index.json").read_bytes())["manifests"][number]
    stored = blobs(layout)
    manifest = json.loads(stored[entry["digest"][7:]])
    return manifest, json.loads(stored[manifest["config"]["digest"][7:]])


def test_every_output_is_complete_and_of_one_resolution(made: Path) -> None:
    verified = ocidiet("verify", "hello.tar", "hello.oci.tar", "hello.oci", cwd=made)
    assert [line.partition(":")[2].split(",")[0] for line in verified.stdout.splitlines()] == [" ok"] * 3
    done(["tar", "-xf", "hello.oci.tar", "--one-top-level=unpacked"], made)
    assert blobs(made / "unpacked") == blobs(made / "hello.oci")
    assert (made / "unpacked/index.json").read_bytes() == (made / "hello.oci/index.json").read_bytes()


def test_images_that_lie_together_are_complete(made: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        pack(made, "-b", "hello:/hello", "--oci", f"{tmp_path}/x.oci", "--tag", f"x:{number}", "--env", f"A={number}")
    verified = ocidiet("verify", "x.oci", cwd=tmp_path)
    assert [line.partition(": ")[0] for line in verified.stdout.splitlines()] == ["x.oci:x:1", "x.oci:x:2"]
    assert verified.returncode == 0


def test_docker_loads_and_runs_the_archive(made: Path, docker: Engine) -> None:
    assert docker("load", "--input", made / "hello.oci.tar") == "Loaded image: hello:1\n"
    assert docker.run("hello:1") == "Hello World\n"
    (told,) = json.loads(docker("inspect", "hello:1"))
    assert (told["Architecture"], told["Config"]["Entrypoint"]) == (architecture(), ["/usr/local/bin/hello"])
    assert "WHO=me" in told["Config"]["Env"]


def test_podman_loads_and_runs_the_archive(made: Path, podman: Engine) -> None:
    podman("load", "--input", made / "hello.oci.tar")
    assert podman.run("hello:1") == "Hello World\n"


@pytest.mark.parametrize(
    "source", ["oci:hello.oci:hello:1", "oci-archive:hello.oci.tar", "docker-archive:hello.oci.tar"]
)
def test_docker_runs_what_skopeo_brings(made: Path, docker: Engine, source: str) -> None:
    need("skopeo")
    socket = docker.env["DOCKER_HOST"]
    place = f"docker-daemon:brought-{source.partition(':')[0]}:1"
    words = ["skopeo", "copy", "--quiet", "--insecure-policy", "--dest-daemon-host", socket, source, place]
    done(words, made)
    assert docker.run(place.partition(":")[2]) == "Hello World\n"
    told = json.loads(done(["skopeo", "inspect", "--daemon-host", socket, place]))
    assert (told["Architecture"], told["Labels"]) == (architecture(), {"a": "b"})


def test_podman_runs_the_layout(made: Path, podman: Engine) -> None:
    name = podman("pull", "--quiet", f"oci:{made}/hello.oci:hello:1").strip()
    assert podman.run(name) == "Hello World\n"


@pytest.mark.parametrize(
    "source", ["oci:hello.oci:hello:1", "oci-archive:hello.oci.tar", "docker-archive:hello.oci.tar"]
)
def test_skopeo_reads_and_copies(made: Path, tmp_path: Path, source: str) -> None:
    need("skopeo")
    told = json.loads(done(["skopeo", "inspect", source], made))
    manifest, config = image_of(made / "hello.oci")
    assert (told["Architecture"], told["Os"], told["Labels"]) == (architecture(), "linux", {"a": "b"})
    places = [f"oci:{tmp_path}/out:x", f"oci-archive:{tmp_path}/out.oci.tar", f"docker-archive:{tmp_path}/out.tar:x:1"]
    for place in (*places, f"dir:{tmp_path}/dir"):
        done(["skopeo", "copy", "--quiet", "--insecure-policy", source, place], made)
        copy = json.loads(done(["skopeo", "inspect", place.removesuffix(":x:1")]))
        assert (copy["Architecture"], copy["Env"], copy["Labels"]) == (
            told["Architecture"],
            told["Env"],
            told["Labels"],
        )
    assert {(tmp_path / name).exists() for name in ("out.oci.tar", "out.tar", "dir/manifest.json")} == {True}
    copied, same = image_of(tmp_path / "out")
    assert same["rootfs"] == config["rootfs"]
    if source.startswith("oci"):
        assert copied["config"] == manifest["config"]


@pytest.mark.parametrize("runtime", ["runc", "crun"])
def test_umoci_unpacks_what_runtimes_run(made: Path, tmp_path: Path, runtime: str) -> None:
    need("umoci", runtime, root=True)
    done(["umoci", "unpack", "--image", f"{made}/hello.oci:hello:1", tmp_path / "bundle"])
    path = tmp_path / "bundle/config.json"
    bundle = json.loads(path.read_bytes())
    bundle["process"]["terminal"] = False
    del bundle["process"]["rlimits"]
    path.write_text(json.dumps(bundle))
    # crun refuses to look at controllers of both versions.
    alone = ["unshare", "--mount", "sh", "-c", 'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"', "sh"]
    words: list[str | Path] = [
        runtime,
        "--root",
        tmp_path / "state",
        "run",
        "--bundle",
        tmp_path / "bundle",
        f"ocidiet-{os.getpid()}",
    ]
    assert done([*alone, *words]) == "Hello World\n"


def architecture() -> str:
    """This machine's, as Debian and Go both call it."""
    return done(["dpkg", "--print-architecture"]).strip()


# Determinism, and what stands ----------------------------------------------------------------------

VARIATIONS: list[tuple[int, dict[str, str]]] = [
    (0o022, {"TZ": "UTC", "PYTHONHASHSEED": "1"}),
    (0o077, {"TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "2", "LC_ALL": "C", "HOME": "/nowhere"}),
]


def test_two_builds_give_the_same_bytes(tmp_path: Path) -> None:
    made = []
    for number, (umask, variables) in enumerate(VARIATIONS):
        home = tmp_path / str(number)
        cc(home / "hello")
        words: list[str | Path] = [
            "sh",
            "-c",
            f'umask {umask:o}; exec "$@"',
            "sh",
            PYTHON,
            "-S",
            MAIN,
            *OUTPUTS,
            *REQUEST,
        ]
        done(words, home, clean_env(**variables))
        stored = blobs(home / "hello.oci")
        made.append(((home / "hello.oci/index.json").read_text(), stored, (home / "hello.oci.tar").read_bytes()))
    assert made[1][0] == made[0][0]
    assert made[1] == made[0]


def states(home: Path) -> dict[str, tuple[int, int]]:
    """Which files stand in the outputs' places, and of when."""
    paths = [home / "hello.oci.tar", *(path for path in (home / "hello.oci").rglob("*") if path.is_file())]
    return {path.relative_to(home).as_posix(): (path.stat().st_ino, path.stat().st_mtime_ns) for path in paths}


def test_what_is_equal_is_left_alone(tmp_path: Path) -> None:
    cc(tmp_path / "hello")
    pack(tmp_path, *OUTPUTS, *REQUEST)
    before = states(tmp_path)
    os.utime(tmp_path / "hello")
    pack(tmp_path, *OUTPUTS, *REQUEST, "--keep-mtime")
    assert states(tmp_path) == before
    pack(tmp_path, *OUTPUTS, *REQUEST)
    changed = {name for name, state in states(tmp_path).items() if state != before[name]}
    assert changed == {"hello.oci.tar", "hello.oci/index.json"}


@pytest.mark.parametrize(
    ("change", "written"),
    [([], False), (["--env", "A=b"], True), (["--tag", "other:1"], True), (["--mtime", "1"], True)],
    ids=["nothing", "configuration", "name", "time"],
)
def test_archive_is_written_when_it_would_differ(tmp_path: Path, change: list[str], written: bool) -> None:
    cc(tmp_path / "hello")
    os.utime(tmp_path / "hello", (1e9, 1e9))
    request = ["--archive", "hello.oci.tar", "-b", "hello:/hello"]
    time.sleep(0.05)  # the program's ctime must be a while ago
    pack(tmp_path, *request)
    before = (tmp_path / "hello.oci.tar").stat()
    pack(tmp_path, *request, *change)
    after = (tmp_path / "hello.oci.tar").stat()
    assert ((after.st_ino != before.st_ino), after.st_mtime_ns > before.st_mtime_ns) == (written, True)


def test_layout_keeps_other_images(tmp_path: Path, podman: Engine) -> None:
    for name in ("one", "two"):
        cc(tmp_path / name, HELLO.replace("Hello", name))
        pack(tmp_path, "--oci", "both.oci", "-b", f"{name}:/{name}", "--tag", f"{name}:1")
    for name in ("one", "two"):
        image = podman("pull", "--quiet", f"oci:{tmp_path}/both.oci:{name}:1").strip()
        assert podman.run(image) == f"{name} World\n"


def test_parallel_runs_share_a_layout(tmp_path: Path) -> None:
    cc(tmp_path / "hello")
    words = [PYTHON, "-IS", MAIN, "--oci", "all.oci", "-b", "hello:/hello", "--tag"]
    runs = [subprocess.Popen([*map(str, words), f"n{number}:1"], cwd=tmp_path) for number in range(6)]
    assert [run.wait() for run in runs] == [0] * 6
    entries = json.loads((tmp_path / "all.oci/index.json").read_bytes())["manifests"]
    names = sorted(entry["annotations"]["org.opencontainers.image.ref.name"] for entry in entries)
    assert names == [f"n{number}:1" for number in range(6)]
    assert len(blobs(tmp_path / "all.oci")) == 3


@pytest.mark.parametrize(
    "call", ["rename:error=EROFS:when=1", "write:error=ENOSPC:when=9", "rename:signal=KILL:when=3"]
)
def test_a_layout_that_fails_is_as_it_was(tmp_path: Path, call: str) -> None:
    """index.json comes last: whatever happens before, what it names is whole."""
    need("strace")
    cc(tmp_path / "hello")
    request = ["-b", "hello:/hello", "--oci", "x.oci", "--tag", "x:1"]
    pack(tmp_path, *request)
    before = (tmp_path / "x.oci/index.json").read_bytes()
    cc(tmp_path / "hello", HELLO.replace("Hello", "Hullo"))
    trace = [
        "strace",
        "-f",
        "-qq",
        "-y",
        "-o",
        "trace",
        "-e",
        f"trace={call.partition(':')[0]}",
        "-e",
        f"inject={call}",
    ]
    ended = run([*trace, PYTHON, "-IS", MAIN, *request], tmp_path)
    assert "INJECTED" in (tmp_path / "trace").read_text() or ended.returncode < 0
    assert ended.returncode != 0
    assert (tmp_path / "x.oci/index.json").read_bytes() == before
    assert ocidiet("verify", "x.oci", cwd=tmp_path).returncode == 0
    pack(tmp_path, *request)
    assert list((tmp_path / "x.oci").rglob(".*")) == []
    assert (tmp_path / "x.oci/index.json").read_bytes() != before


def test_the_depfile_s_target_is_the_archive(tmp_path: Path) -> None:
    need("make")
    cc(tmp_path / "hello")
    rule = "hello.oci.tar: hello ; $(TOOL) --archive $@ -b hello:/hello --depfile d\n-include d\n"
    (tmp_path / "Makefile").write_text(f"TOOL = {PYTHON} -IS {MAIN}\n{rule}")
    done(["make"], tmp_path)
    assert (tmp_path / "d").read_text().startswith("hello.oci.tar: ")
    assert done(["make"], tmp_path) == "make: 'hello.oci.tar' is up to date.\n"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["-t", "x", "--archive", "./x"], "./x: is two of the outputs"),
        (["--archive", "x", "--depfile", "x"], "x: is both the image and the depfile"),
        (["--oci", "o", "--depfile", "o/index.json"], "o/index.json: is both the image and the depfile"),
        (["--archive", "d/x", "-e", "d:/d"], "d/x: an output among the inputs"),
    ],
    ids=range(4),
)
def test_one_file_is_not_two(tmp_path: Path, argv: list[str], message: str) -> None:
    cc(tmp_path / "hello")
    (tmp_path / "d").mkdir()
    ended = ocidiet("-b", "hello:/hello", *argv, cwd=tmp_path)
    assert (ended.returncode, ended.stderr.splitlines()[0]) == (2, f"ocidiet: error: {message}")
    assert sorted(os.listdir(tmp_path)) == ["d", "hello"]


def test_image_for_no_machine_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("data\n")
    ended = ocidiet("-e", "data:/data", "--archive", "x", "-t", "x.tar", cwd=tmp_path)
    text = "no program says for which machine the image is\n  hint: -t writes a tar, which is for any"
    assert (ended.returncode, ended.stderr) == (1, f"ocidiet: error: {text}\n")
    assert os.listdir(tmp_path) == ["data"]


def test_several_programs_start_none_and_it_is_told(tmp_path: Path) -> None:
    cc(tmp_path / "hello")
    ended = ocidiet("-b", "hello:/a", "hello:/b", "--oci", "x.oci", cwd=tmp_path)
    text = "ocidiet: warning: 2 programs, and the image starts none: --entrypoint says which\n"
    assert (ended.returncode, ended.stderr) == (0, text)
    assert "Entrypoint" not in image_of(tmp_path / "x.oci")[1]["config"]


def test_an_installed_program_starts_and_its_plugins_do_not(tmp_path: Path) -> None:
    cc(tmp_path / "stage/usr/bin/app")
    library(tmp_path / "stage/usr/lib/app/plugin.so")
    pack(tmp_path, "--destdir", "stage", "--oci", "x.oci", "--layers", "auto")
    assert image_of(tmp_path / "x.oci")[1]["config"]["Entrypoint"] == ["/usr/bin/app"]
    assert ocidiet("verify", "x.oci", cwd=tmp_path).returncode == 0


def test_programs_of_a_foreign_machine_are_for_it(tmp_path: Path) -> None:
    compiler = "arm-linux-gnueabihf-gcc"
    cc(tmp_path / "hello", HELLO, "-static", compiler=compiler)
    pack(tmp_path, "-b", "hello:/hello", "--oci", "x.oci")
    config = image_of(tmp_path / "x.oci")[1]
    assert (config["os"], config["architecture"], config["variant"]) == ("linux", "arm", "v7")


# Layers --------------------------------------------------------------------------------------------

GREET = """#include <stdio.h>
int version(void); int main(void) { printf("%s %d\\n", "Hello", version()); }
"""


def test_an_edit_of_the_program_changes_its_layer_alone(tmp_path: Path, podman: Engine) -> None:
    own = library(tmp_path / "lib/libown.so", "int version(void) { return 7; }\n")
    request = ["-b", "greet:/usr/local/bin/greet", "--layers", "auto", "--tag", "greet:1", *OUTPUTS]
    layers: list[list[dict[str, Any]]] = []
    for word in ("Hello", "Hullo"):
        cc(tmp_path / "greet", GREET.replace("Hello", word), own, "-Wl,-rpath,$ORIGIN/lib")
        pack(tmp_path, *request)
        manifest, config = image_of(tmp_path / "hello.oci")
        layers.append(manifest["layers"])
        made_by = [entry["created_by"] for entry in config["history"]]
        assert made_by == ["ocidiet: libc", "ocidiet: own", "ocidiet: app"]
        podman("load", "--input", tmp_path / "hello.oci.tar")
        assert podman.run("greet:1") == f"{word} 7\n"
        assert ocidiet("verify", "hello.oci", "hello.oci.tar", cwd=tmp_path).returncode == 0
    assert layers[0][:2] == layers[1][:2]
    assert layers[0][2] != layers[1][2]
    assert layers[1][2]["size"] < (tmp_path / "greet").stat().st_size + 20480


# Over a base ---------------------------------------------------------------------------------------

BASE_CONFIG = ["--config.env", "FROM=base", "--config.cmd", "/bin/busybox", "--config.user", "7"]


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A merged base with busybox, in each form: layouts of plain and of compressed layers, archives."""
    need("umoci", "skopeo", "busybox")
    home = tmp_path_factory.mktemp("bases")
    base_tar(MERGED, home)
    done(["umoci", "init", "--layout", "umoci.oci"], home)
    done(["umoci", "new", "--image", "umoci.oci:b"], home)
    done(["umoci", "raw", "add-layer", "--image", "umoci.oci:b", "base.tar"], home)
    done(["umoci", "config", "--image", "umoci.oci:b", *BASE_CONFIG, "--config.label", "from=base"], home)
    for to in ("oci:gzip.oci:b", "oci-archive:base.oci.tar:b", "docker-archive:docker.tar:b:1"):
        done(["skopeo", "copy", "--quiet", "--insecure-policy", "oci:umoci.oci:b", to], home)
    cc(home / "hello")
    return home


@pytest.mark.parametrize("base", ["umoci.oci", "gzip.oci", "base.oci.tar", "docker.tar"])
def test_image_lies_over_its_base(bases: Path, tmp_path: Path, podman: Engine, base: str) -> None:
    outputs = [f"--archive={tmp_path}/hello.oci.tar", f"--oci={tmp_path}/hello.oci", f"-t{tmp_path}/layer.tar"]
    pack(bases, "--base", base, *outputs, "-b", "hello:/usr/local/bin/hello", "--tag", "over:1", "--env=B=$FROM")
    manifest, config = image_of(tmp_path / "hello.oci")
    lower, upper = manifest["layers"]
    if base.endswith(".oci"):
        below = image_of(bases / base)
        assert lower == below[0]["layers"][0]
        assert config["rootfs"]["diff_ids"][:1] == below[1]["rootfs"]["diff_ids"]
        assert config["history"][:-1] == below[1]["history"]
    assert (tmp_path / "layer.tar").read_bytes() == blobs(tmp_path / "hello.oci")[upper["digest"][7:]]
    told = config["config"]
    assert (told["Entrypoint"], told.get("Cmd"), told["User"]) == (["/usr/local/bin/hello"], None, "7")
    assert (told["Env"][-2:], told["Labels"]) == (["FROM=base", "B=base"], {"from": "base"})
    assert ocidiet("verify", f"{tmp_path}/hello.oci", f"{tmp_path}/hello.oci.tar").returncode == 0
    podman("load", "--input", tmp_path / "hello.oci.tar")
    assert podman.run("over:1") == "Hello World\n"
    shown = podman("run", "--rm", "--entrypoint", "/bin/busybox", *podman.run_options, "over:1", "cat", "/run/marker")
    assert shown == "marker at run/marker\n"


@pytest.mark.parametrize("name", [name for name in BASES if name != "scratch"])
def test_files_over_a_base_are_those_that_add_gives(tmp_path: Path, docker: Engine, name: str) -> None:
    """However the base's directories are linked; and its own programs run."""
    need("cc", "busybox")
    cc(tmp_path / "hello")
    builder = Builder(docker, tmp_path)
    base = builder.base(base_tar(BASES[name], tmp_path))
    docker("tag", base, "add-base:1")
    docker("save", "--output", tmp_path / "docker.tar", "add-base:1")
    outputs = ["--archive", "hello.oci.tar", "-t", "layer.tar", "--tag", "over:2"]
    pack(tmp_path, "--base", "docker.tar", *outputs, "-b", "hello:/usr/local/bin/hello")
    pack(tmp_path, "-t", "hello.tar", "-b", "hello:/usr/local/bin/hello")
    docker("load", "--input", tmp_path / "hello.oci.tar")
    assert docker.run("over:2") == "Hello World\n"
    shown = docker("run", "--rm", "--entrypoint", "/bin/busybox", *docker.run_options, "over:2", "ls", "-d", "/bin/sh")
    assert shown == "/bin/sh\n"
    added = builder.add(base, tmp_path / "hello.tar")
    assert ends(builder.export("over:2", "over.tar")) == ends(builder.export(added, "added.tar"))


# A base's words, then those of an image over it, in a Dockerfile's words and the tool's.
BELOW = r"""
ENV PATH=/bin A=1 EMPTY=
ENTRYPOINT ["/bin/hello"]
CMD ["below"]
WORKDIR /srv
USER 5:6
LABEL kept=1 changed=1
EXPOSE 80 81/udp
VOLUME /below
HEALTHCHECK CMD ["/bin/hello"]
"""
ABOVE = r"""
ENV PATH=/x:$PATH
ENV B=${A}2 C=${GONE:-d$A} D=${A:+e} E=\$A F=${EMPTY:-f} G=$EMPTY
ENV A=3
ENV H=$A
WORKDIR sub/$A
USER $A:$A
LABEL changed=${A} new=
EXPOSE 80 90/udp
VOLUME /v$A /below
ENTRYPOINT ["hello", ""]
"""
ENV = ["PATH=/x:$PATH", "B=${A}2", "C=${GONE:-d$A}", "D=${A:+e}", r"E=\$A", "F=${EMPTY:-f}", "G=$EMPTY", "A=3", "H=$A"]
WORDS = [
    *(word for value in ENV for word in ("--env", value)),
    *("--workdir=sub/$A", "--user=$A:$A", "--label=changed=${A}", "--label=new=", "--expose=80", "--expose=90/udp"),
    *("--volume=/v$A", "--volume=/below", "--entrypoint", '["hello", ""]'),
]


def test_configuration_is_that_of_a_dockerfile(made: Path, tmp_path: Path, docker: Engine) -> None:
    """What docker makes of the same words; by `commit` in one step, by `build` it takes one for each."""

    def changes(words: str) -> list[str]:
        return [f"--change={line}" for line in words.strip().splitlines()]

    docker("import", *changes(BELOW), made / "hello.tar", "words-below:1")
    docker("save", "--output", tmp_path / "below.tar", "words-below:1")
    container = docker("create", *docker.run_options, "words-below:1").strip()
    docker("commit", *changes(ABOVE), container, "words:1")
    docker("rm", container)
    shutil.copy(made / "hello", tmp_path)
    pack(tmp_path, "--base=below.tar", "--archive=x.oci.tar", "--tag=words:2", "-b", "hello:/hello", *WORDS)
    docker("load", "--input", tmp_path / "x.oci.tar")
    expected, found = (json.loads(docker("inspect", f"words:{number}"))[0]["Config"] for number in (1, 2))
    of_container = {key: expected[key] for key in ("Hostname", "AttachStdout", "AttachStderr")}
    assert {**found, **of_container} == {**expected, "Image": found["Image"]}


def ends(members: dict[str, Member]) -> dict[str, Member]:
    """Links by where they lead: a known base's are relative, those for any base absolute."""
    return {
        name: (*told[:2], told[2] and os.path.normpath(os.path.join("/", os.path.dirname(name), told[2])), told[3])
        for name, told in members.items()
    }


def test_base_of_another_machine_is_refused(bases: Path, tmp_path: Path) -> None:
    cc(tmp_path / "hello", HELLO, "-static", compiler="aarch64-linux-gnu-gcc")
    ended = ocidiet("--base", f"{bases}/base.oci.tar", "--oci", "x.oci", "-b", "hello:/hello", cwd=tmp_path)
    assert (ended.returncode, os.listdir(tmp_path)) == (1, ["hello"])
    assert "--base is for linux/amd64, and the programs are for linux/arm64/v8" in ended.stderr


def test_base_is_chosen_by_the_programs_machine(bases: Path, tmp_path: Path) -> None:
    shutil.copytree(bases / "umoci.oci", tmp_path / "multi")
    index = json.loads((tmp_path / "multi/index.json").read_bytes())
    (entry,) = index["manifests"]
    here, other = ({**entry, "platform": {"os": "linux", "architecture": name}} for name in (architecture(), "s390x"))
    (tmp_path / "multi/index.json").write_text(json.dumps({**index, "manifests": [other, here]}))
    pack(tmp_path, "--base", "multi", "--oci", "x.oci", "-b", f"{bases}/hello:/hello")
    assert len(image_of(tmp_path / "x.oci")[0]["layers"]) == 2
    (tmp_path / "multi/index.json").write_text(json.dumps({**index, "manifests": [other]}))
    ended = ocidiet("--base", "multi", "--oci", "y.oci", "-b", f"{bases}/hello:/hello", cwd=tmp_path)
    assert ended.returncode == 1
    assert f"multi: no image for linux/{architecture()}: linux/s390x b\n" in ended.stderr


def test_base_without_layers_is_refused(bases: Path) -> None:
    ended = ocidiet("--base", "base.tar", "--oci", "x.oci", "-b", "hello:/hello", cwd=bases)
    assert (ended.returncode, (bases / "x.oci").exists()) == (1, False)
    assert "a root file system, which has no layers for an image to lie over" in ended.stderr


def test_damaged_base_is_refused(bases: Path, tmp_path: Path) -> None:
    shutil.copytree(bases / "umoci.oci", tmp_path / "base")
    (layer,) = image_of(tmp_path / "base")[0]["layers"]
    path = tmp_path / "base/blobs/sha256" / layer["digest"][7:]
    data = bytearray(gzip.decompress(path.read_bytes()))
    path.write_bytes(gzip.compress(data, 1))
    ended = ocidiet("--base", "base", "--oci", "x.oci", "-b", f"{bases}/hello:/hello", cwd=tmp_path)
    assert (ended.returncode, (tmp_path / "x.oci").exists()) == (1, False)
    assert f"is no blob {layer['digest']}" in ended.stderr
