"""What an image's configuration says is judged too: what it starts, where its loader is told to look."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from ocidiet.fs import Record
from ocidiet.fs.image import open_image
from ocidiet.model import HostPath, Search
from ocidiet.verify.image import judge
from tests.unit.elfmaker import INTERP, LOADER, make, program

FILES = {"bin/main": program("liba.so"), "opt/liba.so": make(), INTERP[1:]: LOADER, "usr/bin/tool": program()}
TOLD = ["LD_LIBRARY_PATH=/opt"]


def tar(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644 if name.startswith("etc/") else 0o755
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("env", "entrypoint", "command", "defects"),
    [
        (TOLD, [], [], []),
        (TOLD, ["/bin/main"], ["x"], []),
        (TOLD, ["tool"], [], []),
        (TOLD, [], ["tool"], []),
        ([*TOLD, "PATH=/opt"], ["tool"], [], ["tool is what the image starts, and is absent"]),
        (TOLD, ["/bin/gone"], ["/bin/main"], ["bin/gone is what the image starts, and is absent"]),
        (TOLD, ["/etc/data"], [], ["etc/data is what the image starts, and is not executable"]),
        (TOLD, ["./main"], [], []),
        (TOLD, ["../usr/bin/tool"], [], []),
        (TOLD, ["./tool"], [], ["./tool is what the image starts, and is absent"]),
        ([], [], [], ["bin/main needs liba.so, which is not found (/opt/liba.so is where its loader does not look)"]),
    ],
    ids=[
        "nothing", "absolute", "by-path", "command", "not-on-path", "absent", "not-executable", "relative",
        "relative-above", "relative-absent", "no-library-path",
    ],
)  # fmt: skip
def test_configuration_is_judged(
    tmp_path: Path, env: Sequence[str], entrypoint: Sequence[str], command: Sequence[str], defects: Sequence[str]
) -> None:
    layer = tar({**FILES, "etc/data": b"data"})
    told = {"Env": env, "Entrypoint": entrypoint, "Cmd": command, "WorkingDir": "/bin"}
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]}
    config = {"architecture": "amd64", "os": "linux", "rootfs": rootfs, "config": told}
    manifest = [{"Config": "c", "Layers": ["l"]}]
    parts = {"c": json.dumps(config).encode(), "l": layer, "manifest.json": json.dumps(manifest).encode()}
    (tmp_path / "image").write_bytes(tar(parts))
    verdict = judge(open_image(HostPath(f"{tmp_path}/image"), Record()), Search(HostPath("/")))
    assert [f"{one.name} {one.reason}" for one in verdict.defects] == list(defects)


def test_program_that_sets_its_user_is_no_news(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "image", "w") as archive:
        for name, data in {"bin/su": program(), INTERP[1:]: LOADER}.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o4755
            archive.addfile(member, io.BytesIO(data))
    verdict = judge(open_image(HostPath(f"{tmp_path}/image"), Record()), Search(HostPath("/")))
    assert (verdict.programs, verdict.defects, verdict.notices) == (1, (), ())
