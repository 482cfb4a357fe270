"""What a run writes beside or instead of its tar: a tar for each kind of layer, what is told of the image, and
which declared inputs were not read."""

from __future__ import annotations

from ocidiet.commit.output import Output
from ocidiet.model import TYPE_CHECKING
from ocidiet.model.image import Tree
from ocidiet.system import os

if TYPE_CHECKING:
    from ocidiet.cli.pack import Laid
    from ocidiet.fs import Record
    from ocidiet.model.image import Request
    from ocidiet.tree.layers import IsOwn


def is_own(wanted: Request) -> IsOwn:
    """Whether a file is the project's and not the distribution's."""
    from ocidiet.tree.layers import of_project

    declared = wanted.declared.tree.values() if wanted.declared is not None else ()
    return of_project(wanted.destdir, wanted.places.build_tree, wanted.root, declared)


def write(wanted: Request, laid: Laid, record: Record, outputs: list[Output]) -> None:
    """Write all of it, once nothing more is read but payload; what is to be published or discarded is added to
    `outputs`."""
    declared = wanted.declared
    if declared is not None and declared.unused is not None:
        from ocidiet import unused_inputs

        outputs.append(Output(declared.unused, False))
        outputs[-1].write(unused_inputs.render(declared.paths, record.trace()))
    for kind, path in wanted.beside:
        from ocidiet.report import beside

        if kind == "report":
            text = beside.report(laid.image, laid.closed, laid.root.spell if declared is not None else None)
        elif kind == "mtree":
            text = beside.mtree(laid.image, wanted.mtime_s)
        else:
            text = beside.closure(laid.image)
        outputs.append(Output(path, declared is None))
        outputs[-1].write(os.fsencode(text))
    if wanted.layers:
        from ocidiet import tar
        from ocidiet.tree.layers import into

        kinds = [kind for kind, _ in wanted.layers]
        trees: list[tuple[str, Tree]] = into(laid.image, kinds, is_own(wanted))
        for (_, path), (_, tree) in zip(wanted.layers, trees, strict=True):
            outputs.append(Output(path, declared is None))
            tar.write(tree, wanted.mtime_s, outputs[-1])
