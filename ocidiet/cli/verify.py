"""`ocidiet verify`: finished images, made by whatever tool. Nothing is run or unpacked."""

from __future__ import annotations

import time

from ocidiet.cli import options, tell, write
from ocidiet.errors import InputError, UsageError
from ocidiet.model import Defect, HostPath, ImagePath, Verdict
from ocidiet.system import os


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
    for name in names:
        path = name if name.startswith("/") else f"{cwd.rstrip('/')}/{name}"
        try:
            found = open_images(HostPath(path), Record(), platform)
            judged = [(name if len(found) == 1 else f"{name}:{tag}", image.judge(root, search)) for tag, root in found]
        except InputError as error:
            what = error.message.removeprefix(f"{path}: ")
            judged = [(name, Verdict((Defect(ImagePath(""), "unreadable", what, error.hint),), (), 0, 0, (), ()))]
        verdicts += judged
        for told, made in judged:
            if "--json" not in given and (made.defects or "--report" not in given):
                write(report.text(told, made))
                tell(made.notices, "--verbose" in given)
    if "--report" in given:
        output = commit.Output(HostPath(given["--report"][0]))
        try:
            output.write(os.fsencode(report.render(verdicts)))
            output.publish(time.time_ns())
        finally:
            output.discard()
    if "--json" in given:
        write(report.render(verdicts))
    return 1 if any(made.defects for _, made in verdicts) else 0
