"""`ocidiet verify`: finished images, made by whatever tool. Nothing is run or unpacked."""

from __future__ import annotations

import time

from ocidiet.cli import options, tell, write
from ocidiet.errors import InputError, UsageError
from ocidiet.model import TYPE_CHECKING, HostPath, ImagePath
from ocidiet.model.verdict import Defect, Verdict
from ocidiet.system import os

if TYPE_CHECKING:
    from ocidiet.fs import Record, Root


def verify(given: options.Options, cwd: str) -> int:
    """Tell of each image; returns the exit code: 1 if one of them has a defect. Raises `UsageError`."""
    from ocidiet import commit
    from ocidiet.fs import Record
    from ocidiet.fs.image import open_images
    from ocidiet.report import verdict as report
    from ocidiet.verify import image

    names = given.get(options.FILES, [])
    if not names:
        raise UsageError("verify: names no image", hint="ocidiet verify --help")
    platform = given.get("--platform", [None])[0]
    search = options.search(given, cwd)
    commit.occupy_standard_files()
    verdicts = []
    stacked = "--stacked" in given
    for group in [names] if stacked else [[name] for name in names]:
        name = " + ".join(group)
        paths = [HostPath(one if one.startswith("/") else f"{cwd.rstrip('/')}/{one}") for one in group]
        try:
            found = [("", _stacked(paths, Record()))] if stacked else open_images(paths[0], Record(), platform)
            judged = [(name if len(found) == 1 else f"{name}:{tag}", image.judge(root, search)) for tag, root in found]
        except InputError as error:
            what = error.message if stacked else error.message.removeprefix(f"{paths[0]}: ")
            judged = [(name, Verdict((Defect(ImagePath(""), "unreadable", what, error.hint),), (), 0, 0, (), ()))]
        verdicts += judged
        for told, made in judged:
            if "--json" not in given and (made.defects or "--report" not in given):
                write(report.text(told, made))
                tell(made.notices, "--verbose" in given)
    if "--report" in given:
        from ocidiet.commit.output import Output

        output = Output(HostPath(given["--report"][0]))
        try:
            output.write(os.fsencode(report.render(verdicts)))
            output.publish(time.time_ns())
        finally:
            output.discard()
    if "--json" in given:
        write(report.render(verdicts))
    return 1 if any(made.defects for _, made in verdicts) else 0


def _stacked(paths: list[HostPath], record: Record) -> Root:
    """The image whose layers are these tars, the lowest first. Raises `InputError`."""
    from ocidiet.fs.image import ImageRoot
    from ocidiet.fs.named import named
    from ocidiet.fs.unpack import Unpacker
    from ocidiet.model import File

    layers = []
    for path in paths:
        there = named(path, record)
        if not isinstance(there, File):
            raise InputError(path, "a directory, where a layer is a tar")
        layers.append(Unpacker(path).plain(there))
    return ImageRoot(paths[0], layers)
