"""Bazel runs the tool exactly when an image is another one, told by Bazel's own log; images are the same anywhere."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import MAKEFILE, clean_env, done, need
from tests.tools.bazel_lab import FOUR, Built, Lab
from tests.tools.bazel_project import FIRST, GREET, IMAGES, Project, started

ALL = sorted(IMAGES)
Ran = dict[str, list[str]]
"""Mnemonic -> the targets for which it ran."""


class Row(NamedTuple):
    """What happens to the workspace, what the next build runs, and what the program prints then."""

    act: Callable[[Project], object]
    ran: Ran
    says: str
    exact: tuple[str, ...] = ("host", "listed")
    """The images that are those of the command line, byte by byte."""


def edit(old: str, new: str) -> Callable[[Project], object]:
    return lambda p: p.made.write("hello.cc", (p.made.path / "hello.cc").read_text().replace(old, new))


def greet(place: str, text: str) -> Callable[[Project], object]:
    return lambda p: p.greeter(p.root / place, text)


def unused_changed_while_no_server_runs(p: Project) -> None:
    p.made.bazel("shutdown")
    p.greeter(p.root / f"{FIRST}/libunused.so", "Again")


def turn_link(p: Project) -> None:
    link = p.root / f"{GREET}/libgreet.so.1"
    link.unlink()
    link.symlink_to("libgreet.so.1.1")
    p.tell_links()


PACKED = {"OcidietTar": ALL, "OcidietVerify": ALL}
COMPILED = {"CppCompile": ["hello"]}
LINKED = {**COMPILED, "CppLink": ["hello"]}

WALK = {
    "nothing": Row(lambda _: None, {}, "Hello World"),
    "unused_changed": Row(greet(f"{FIRST}/libunused.so", "Other"), {}, "Hello World"),
    "unused_changed_while_no_server_runs": Row(unused_changed_while_no_server_runs, {}, "Hello World"),
    "used_touched": Row(lambda p: os.utime(p.root / f"{GREET}/libgreet.so.1.0"), {}, "Hello World"),
    "used_changed": Row(greet(f"{GREET}/libgreet.so.1.0", "There"), PACKED, "Hello There"),
    "added_earlier_in_the_path": Row(greet(f"{FIRST}/libgreet.so.1", "First"), PACKED, "Hello First"),
    "removed": Row(lambda p: (p.root / f"{FIRST}/libgreet.so.1").unlink(), PACKED, "Hello There"),
    # The names of all inputs are in the tool's own words, else the row before could not be.
    "unused_added": Row(greet(f"{FIRST}/libmore.so", "More"), {"OcidietTar": ALL}, "Hello There"),
    # What tells of the host's links was written when its repository was fetched, which each server does once: until
    # then such a link's name is a file.
    "link_turned": Row(turn_link, PACKED, "Hello Later", ("listed",)),
    "server_restarted": Row(
        lambda p: p.made.bazel("shutdown"), {"OcidietTar": ["host"], "OcidietVerify": ["host"]}, "Hello Later"
    ),
    "comment_changed": Row(edit("int main", "/* A comment. */ int main"), COMPILED, "Hello Later"),
    "source_changed": Row(edit('" "', '"!"'), {**LINKED, **PACKED}, "Hello!Later"),
}


def ran(built: Built) -> Ran:
    found: Ran = {}
    for spawn in built.spawns:
        if "cache hit" not in spawn.runner:
            (name, *_) = [Path(path).name.partition(".")[0] for path in spawn.outputs if "/bin/" in path]
            found.setdefault(spawn.mnemonic, []).append(name)
    return {mnemonic: sorted(names) for mnemonic, names in found.items()}


@pytest.fixture(scope="module")
def project(lab: Lab) -> Project:
    """Built, by commands in sandboxes."""
    need("tar", "cc")
    made = Project(lab, lab.home / "project")
    # Bazel 4 does not by itself.
    made.made.flags = ["--experimental_run_validations"] if lab.version == FOUR else []
    made.write()
    built = made.build()
    assert ran(built)["OcidietTar"] == ALL
    assert {spawn.runner for spawn in built.spawns} == {"linux-sandbox"}
    return made


def test_an_image_is_made_when_it_is_another_one(project: Project, tmp_path: Path) -> None:
    for name, row in WALK.items():
        row.act(project)
        built = project.build()
        assert (name, ran(built)) == (name, row.ran)
        if not row.ran:
            assert (name, built.processes) == (name, {"total": 1, "internal": 1})
        said = {started(project.made.out(f"{image}.tar"), tmp_path) for image in IMAGES}
        assert (name, said) == (name, {row.says})
        by_hand = project.by_hand(tmp_path)
        exact = tuple(image for image in ("host", "listed") if project.image(image) == by_hand)
        assert (name, exact) == (name, row.exact)


@pytest.fixture(scope="module")
def other(project: Project) -> Project:
    """The same workspace elsewhere, with another output base."""
    return project.copy(project.made.lab.home / "elsewhere/a-longer-name")


def test_another_checkout_gives_the_same_bytes(project: Project, other: Project) -> None:
    groups = "--output_groups=default,report,mtree,closure"
    project.build(groups)
    built = other.build(groups, "--strategy=OcidietTar=local")
    assert ran(built)["OcidietTar"] == ALL
    assert {spawn.runner for spawn in built.spawns if spawn.mnemonic == "OcidietTar"} == {"local"}
    for image in IMAGES:
        assert other.image(image) == project.image(image)
        assert other.told(image) == project.told(image)
        said = b"".join([*other.told(image), other.image(image)])
        assert [word for word in (b"/tmp/", b"sandbox", b"execroot", b"elsewhere") if word in said] == []


def test_make_gives_the_same_bytes(project: Project, tmp_path: Path) -> None:
    need("make")
    project.build()
    text = f"IMAGE_BINARIES = hello\nIMAGE_ROOT = {project.root}\nIMAGE_LAYOUT = scratch\ninclude {MAKEFILE}\n"
    (project.plain(tmp_path) / "Makefile").write_text(text)
    done(["make", "image"], tmp_path)
    assert (tmp_path / "hello.tar").read_bytes() == project.image("listed")


NGINX = """\
daemon off; user root; pid {home}/pid; error_log {home}/log; worker_processes 1;
events {{ worker_connections 256; }}
http {{
  access_log off; client_max_body_size 0;
  client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
  server {{
    listen 127.0.0.1:{port}; root {home}/cache;
    location / {{ dav_methods PUT DELETE; create_full_put_path on; }}
  }}
}}
"""


@pytest.fixture
def remote_cache(tmp_path: Path) -> Iterator[str]:
    """The flag for a cache of this machine."""
    need("nginx", root=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "cache").mkdir()
    (tmp_path / "nginx.conf").write_text(NGINX.format(home=tmp_path, port=port))
    server = subprocess.Popen(["nginx", "-p", tmp_path, "-c", tmp_path / "nginx.conf"], env=clean_env())
    try:
        for _ in range(100):
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"--remote_cache=http://127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)


OF_THIS_MACHINE = {"OcidietTar": ["host"], "OcidietVerify": ["host"]}
"""Is never asked of a cache, nor given to one."""


def test_another_checkout_takes_all_from_a_remote_cache(project: Project, other: Project, remote_cache: str) -> None:
    for p in (project, other):
        p.made.bazel("clean")
    built = project.build(remote_cache)
    assert {mnemonic: ran(built)[mnemonic] for mnemonic in PACKED} == PACKED
    before = project.image("listed")
    again = other.build(remote_cache)
    assert ran(again) == OF_THIS_MACHINE
    assert (again.processes["remote cache hit"], again.processes["linux-sandbox"]) == (len(built.spawns) - 2, 2)
    assert other.image("listed") == before

    # A cache's key holds what is unused, too: where Bazel has forgotten what it made, that is made again.
    other.greeter(other.root / f"{FIRST}/libunused.so", "Otherwise")
    assert ran(other.build(remote_cache)) == {}
    other.made.bazel("clean")
    last = other.build(remote_cache)
    assert ran(last) == {"OcidietTar": ALL, "OcidietVerify": ["host"]}
    assert other.image("listed") == before
