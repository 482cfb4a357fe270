"""A registry on loopback: what is pushed there runs from there, and an edit of the program pushes its layer alone."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import HELLO, MAKEFILE, Engine, cc, clean_env, done, need
from tests.tools.test_examples import copy, project, snippet
from tests.tools.test_make import make
from tests.tools.test_oci_images import image_of, pack

__all__ = ["copy", "project"]
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Registry:
    """Debian's docker-registry, over HTTP, with a log of what it is asked."""

    def __init__(self, home: Path) -> None:
        self._log = home / "log"
        (home / "config.yml").write_text(
            f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {home}/store}}}}\nhttp: {{addr: '127.0.0.1:0'}}\n"
        )
        with self._log.open("w") as log:
            command = ["docker-registry", "serve", str(home / "config.yml")]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=clean_env())
        self.name = ""
        for _ in range(100):
            if found := re.search(r"listening on 127\.0\.0\.1:(\d+)", self._log.read_text()):
                self.name = f"localhost:{found[1]}"
                return
            time.sleep(0.1)
        raise AssertionError(self._log.read_text())

    def uploaded(self) -> list[str]:
        """The digests of the blobs that were sent until now, in order."""
        lines = re.findall(
            r'"PUT /v2/\S+/blobs/uploads/\S+digest=sha256%3A(\w+)\S* HTTP/1.1" 201', self._log.read_text()
        )
        return [f"sha256:{digest}" for digest in lines]

    def manifest(self, repository: str, tag: str) -> tuple[str, dict[str, Any]]:
        """The digest and the manifest of an image."""
        url = f"http://{self.name}/v2/{repository}/manifests/{tag}"
        with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": MANIFEST})) as answer:
            return answer.headers["Docker-Content-Digest"], json.load(answer)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    need("docker-registry", "skopeo")
    made = Registry(tmp_path_factory.mktemp("registry"))
    yield made
    made.process.terminate()
    made.process.wait(60)


def test_what_make_pushes_runs_from_there(registry: Registry, tmp_path: Path, docker: Engine, podman: Engine) -> None:
    """It has the digest that it had here."""
    cc(tmp_path / "hello")
    (tmp_path / "Makefile").write_text(
        f"IMAGE_BINARIES = hello\nIMAGE_NAME = {registry.name}/made/hello\nIMAGE_TAG = 3\n"
        f"IMAGE_PUSHFLAGS = --dest-tls-verify=false\ninclude {MAKEFILE}\n"
    )
    name = f"{registry.name}/made/hello:3"
    ended = make(tmp_path, "image-push")
    told = f"    IMAGE    hello.oci.tar\n    PUSH     {name}\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, told, "")
    done(["tar", "-xf", "hello.oci.tar", "--one-top-level=here"], tmp_path)
    (entry,) = json.loads((tmp_path / "here/index.json").read_bytes())["manifests"]
    assert registry.manifest("made/hello", "3") == (entry["digest"], image_of(tmp_path / "here")[0])
    docker("pull", "--quiet", name)
    assert docker.run(name) == "Hello World\n"
    podman("pull", "--quiet", "--tls-verify=false", name)
    assert podman.run(name) == "Hello World\n"


def test_an_edit_of_the_program_pushes_its_layer_alone(registry: Registry, tmp_path: Path) -> None:
    """And the configuration, which names it."""
    pushed: list[list[str]] = []
    sizes: list[int] = []
    for word in ("Hello", "Hullo", "Hullo"):
        cc(tmp_path / "hello", HELLO.replace("Hello", word))
        pack(tmp_path, "-b", "hello:/usr/local/bin/hello", "--oci", "hello.oci", "--layers", "auto")
        before = len(registry.uploaded())
        place = f"docker://{registry.name}/edited:1"
        options = ["--quiet", "--preserve-digests", "--dest-tls-verify=false"]
        done(["skopeo", "--insecure-policy", "copy", *options, "oci:hello.oci:hello:latest", place], tmp_path)
        manifest, _ = image_of(tmp_path / "hello.oci")
        libc, app = manifest["layers"]
        names = {libc["digest"]: "libc", app["digest"]: "app", manifest["config"]["digest"]: "config"}
        pushed.append(sorted(names[digest] for digest in registry.uploaded()[before:]))
        sizes.append(app["size"])
        assert registry.manifest("edited", "1")[1] == manifest
    assert pushed == [["app", "config", "libc"], ["app", "config"], []]
    assert sizes[1] < (tmp_path / "hello").stat().st_size + 20480


def test_pushing_as_the_readme_says(registry: Registry, project: dict[str, str], tmp_path: Path) -> None:
    """Those commands of which this machine has the tool."""
    done(["cc", "-o", "hello", "hello.c"], tmp_path)
    commands = snippet("sh", "docker://")
    lines = commands.splitlines()
    assert [line.split()[0] for line in lines] == ["ocidiet", "skopeo", "digest=$(skopeo", "crane", "oras", "cosign"]
    ran = [line for line in lines if line[:7] in ("ocidiet", "digest=") or shutil.which(line.split()[0])]
    text = "\n".join(ran).replace("registry.example", registry.name)
    digest = done(
        ["sh", "-e", "-c", f"{text.replace(' docker:', ' --dest-tls-verify=false docker:')}\necho $digest"],
        tmp_path,
        project,
    )
    assert registry.manifest("hello", "1.0")[0] == digest.splitlines()[-1]
