"""`Trace` + declared inputs -> what was not read of them: Bazel's `unused_inputs_list`.

Law: Bazel, `ctx.actions.run(unused_inputs_list)`: paths as the action knows them, one per line. A file that was
opened counts as used whatever came of it: its bytes had a part in the answer.
"""

from __future__ import annotations

from ocidiet.model import TYPE_CHECKING
from ocidiet.system import os

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ocidiet.model import HostPath
    from ocidiet.model.image import Trace


def render(declared: Iterable[HostPath], trace: Trace) -> bytes:
    """The whole file: in byte order, each path once."""
    unused = sorted({*declared}.difference(trace.read), key=os.fsencode)
    return os.fsencode("".join([f"{path}\n" for path in unused]))
