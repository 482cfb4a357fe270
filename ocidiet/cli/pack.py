"""Packing: the chain of rooms from a `Request` to what is published."""

from __future__ import annotations

import sys
import time

from ocidiet.cli import Signals, tell, write
from ocidiet.errors import UsageError, shown
from ocidiet.model import TYPE_CHECKING, Closure, ElfFacts, HostPath, NamedTuple, Source, below
from ocidiet.model.image import Places, Request
from ocidiet.system import os

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocidiet import closure, fs
    from ocidiet.cli import bundle
    from ocidiet.commit import state
    from ocidiet.commit.output import Output
    from ocidiet.fs.image import ImageRoot
    from ocidiet.model import Lookup, Program
    from ocidiet.model.image import Extra, Tree

    Named = tuple[Source, fs.Root]
    """A program, and where it is looked up."""


class Laid(NamedTuple):
    """What is to be written, and what it is proven over."""

    closed: Closure
    root: fs.Root
    image: Tree
    """What the tar holds."""
    layer: Tree | None
    """What an OCI image holds beside its base's layers; the same, or laid out otherwise."""
    base: fs.Root | None
    below: ImageRoot | None
    """The base, where an OCI image is asked for."""


def pack(wanted: Request) -> None:
    """Resolve, lay out, prove, and publish. Raises an `OcidietError`; then nothing has changed."""
    from ocidiet import closure, commit, tar, tree, verify

    if wanted.image is not None:
        from ocidiet.cli import bundle
    # Every folder of rooms before the time is taken: an import may write bytecode there, which makes
    # the folder, a prerequisite, newer than it was.
    del tree
    commit.occupy_standard_files()
    started_ns = time.time_ns()
    build = wanted.declared is not None
    record = _record(wanted)
    facts = closure.Facts()
    laid = closed, root, image, layer, base, below_it = _laid_out(wanted, record, facts)
    outputs: list[Output] = []
    known: state.State | None = None
    bundled: bundle.Bundle | None = None
    try:
        if wanted.tar == "-":
            verify.check(image, facts, wanted.search, base)
            tar.write(image, wanted.mtime_s, commit.Stream(1, "standard output"))
        else:
            from ocidiet.commit import state
            from ocidiet.commit.output import Output

            if wanted.depfile is not None:
                from ocidiet import depfile
            if layer is not None and wanted.image is not None:
                bundled = bundle.Bundle(wanted.image, wanted, layer, below_it.setup if below_it is not None else None)
            own = [] if build else _own_files()
            # Nothing that is not declared may stand beside an output, or be read there.
            tool = state.Basis([], False) if build else state.of_tool(own, started_ns)
            places = _kept_apart(wanted, record)
            # What stands was proven when it was made; but not over what the base is now.
            stands = not wanted.layers
            if wanted.tar:
                out = Output(wanted.tar, not build)
                if not build:
                    known = state.State(out, image, wanted, tool, started_ns)
                stands = known is not None and known.stands()
            if (wanted.tar or wanted.layers) and (not stands or wanted.base is not None):
                verify.check(image, facts, wanted.search, base)
            ready = bundled is None or bundled.stands(tool, started_ns)
            own_layer = layer is not None and (layer is not image or not (wanted.tar or wanted.layers))
            if layer is not None and own_layer and not (ready and wanted.base is None):
                verify.check(layer, facts, wanted.search, below_it)
            if wanted.depfile is not None:
                outputs.append(Output(wanted.depfile, swept_with=out if known is not None else None))
                targets = [os.path.dirname(places[path]) for path in (*_places(wanted), wanted.depfile)]
                own += _directories(own, record)
                outputs[0].write(depfile.render(wanted.depfile_target, record.trace(), own, wanted, targets))
            if build or wanted.layers or wanted.beside:
                from ocidiet.cli import beside

                beside.write(wanted, laid, record, outputs)
            if wanted.tar and not stands:
                outputs.append(out)
                tar.write(image, wanted.mtime_s, out)
            if bundled is not None and not ready:
                bundled.write()
        if wanted.verbose:
            from ocidiet import report

            fd, name = (2, "standard output") if wanted.tar == "-" else (1, _places(wanted)[0])
            write(report.listing(image, name), fd)
            if wanted.verbose > 1:
                from ocidiet.cli.show import drawn

                write(drawn(closed, root, wanted.search.cwd, True, fd, build), fd)
        record.recheck()
        # The depfile first: a crash between the two means one run too many, never one too few. The
        # time is the start's, so that whatever is written from then on is newer than the output.
        made = None
        for output in outputs:
            made = output.publish(started_ns, keep_equal=wanted.keep_mtime and output.path in _places(wanted))
        if known is not None:
            known.settle(made)
        if bundled is not None:
            bundled.publish(started_ns, wanted.keep_mtime)
    finally:
        try:
            Signals.held = True
        finally:
            for output in outputs:
                output.discard()
            if known is not None:
                known.discard()
            if bundled is not None:
                bundled.discard()
    tell((*closed.notices, *(bundled.notices if bundled is not None else ())), wanted.verbose > 0)


def _record(wanted: Request) -> fs.Record:
    from ocidiet import fs

    if wanted.declared is None:
        return fs.Record(wanted.places.build_tree)
    from ocidiet.fs.declared import DeclaredRecord

    return DeclaredRecord()


def _laid_out(wanted: Request, record: fs.Record, facts: closure.Facts) -> Laid:
    from ocidiet import closure, tree, verify

    root, binaries, libraries, added = _named(wanted, record, facts)
    resolver = closure.Resolver(root, facts, wanted.search)
    programs, closed, missing = _resolved(resolver, binaries, libraries, added)
    if wanted.declared is not None and closed.notices:
        from ocidiet.cli import roots

        closed = roots.spelled(closed)
    base: fs.Root | None = verify.MergedRoot() if wanted.places.layout == "merged" else None
    layer: Tree | None = None
    below_it: ImageRoot | None = None
    if wanted.base is None:
        _refuse(missing, root, wanted)
        places = wanted.places
        if wanted.image is not None:
            layer = image = tree.assemble(programs, added, root, Places(places[0], "scratch", places[2]))
        if layer is None or ((wanted.tar or wanted.layers) and places.layout != "scratch"):
            image = tree.assemble(programs, added, root, places)
    else:
        path = HostPath(os.path.join("" if wanted.declared is not None else wanted.search.cwd, wanted.base))
        if wanted.image is None:
            from ocidiet.fs.image import open_image

            base = open_image(path, record)
        else:
            from ocidiet.cli import bundle

            base = below_it = bundle.open_base(path, record, programs)
        image, lacking = _layer(programs, added, root, base, facts, wanted)
        layer = image if wanted.image is not None else None
        # What the root lacks and the base has is as good.
        _refuse({name: [one for one in of_it if one.name in lacking] for name, of_it in missing.items()}, root, wanted)
    return Laid(closed, root, image, layer, base, below_it)


def _named(
    wanted: Request, record: fs.Record, facts: closure.Facts
) -> tuple[fs.Root, list[Named], list[Named], list[Extra]]:
    """The root; the programs; the libraries of an installed tree; the other files."""
    from ocidiet import fs

    host: fs.Root
    image = wanted.root_image
    if wanted.root and fs.DiskRoot(wanted.root, fs.Record()).look("/oci-layout").kind != "absent":
        image = wanted.root
    if wanted.declared is None and image is None:
        host = fs.DiskRoot("", record)
        root: fs.Root = fs.DiskRoot(wanted.root, record) if wanted.root else host
    else:
        from ocidiet.cli import roots

        host, root = roots.roots(wanted, record, image)
    staged: list[Extra] = []
    if wanted.destdir is not None:
        from ocidiet import extras
        from ocidiet.fs.overlay import OverlaidRoot

        over = fs.DiskRoot(wanted.destdir, record)
        root = OverlaidRoot(over, root)
        staged = list(extras.installed(over, wanted.destdir))
    binaries = [(given, root if given.in_root else host) for given in wanted.binaries]
    libraries: list[Named] = []
    for extra in staged:
        if extra.source is not None and facts.starts(extra.source):
            path = extra.source.path
            known = facts.ask(extra.source)
            kind = libraries if isinstance(known, ElfFacts) and known.interp is None else binaries
            kind.append((Source(path, path, f"/{extra.name}", True, extra.name), root))
    if wanted.extras:
        from ocidiet import extras

        for given in wanted.extras:
            staged += extras.expand(given, root if given.in_root else host)
    return root, binaries, libraries, staged


def _resolved(
    resolver: closure.Resolver, binaries: Sequence[Named], libraries: Sequence[Named], added: Sequence[Extra]
) -> tuple[list[tuple[Source, Program]], Closure, dict[str, list[Lookup]]]:
    """All that is looked up, and what was not found for each of it.

    A library of an installed tree that no program there maps is opened by one of them: a name that it
    needs and does not find by itself may be loaded by then, if it is the tree's or some program's.
    """
    closed = resolver.resolve([(given.name, at.walk(given.path)) for given, at in binaries])
    missing = {
        given.name: [*Closure((one,)).missing] for (given, _), one in zip(binaries, closed.programs, strict=True)
    }
    parts = [part for program in closed.programs for part in program.parts()]
    mapped = {found.file.identity for part in parts for found in part.objects}
    walks = [(given, at.walk(given.path)) for given, at in libraries]
    opened = [(given, walk) for given, walk in walks if walk.file is not None and walk.file.identity not in mapped]
    more = resolver.resolve([(given.name, walk) for given, walk in opened])
    loaded = {name for part in parts for _, name, _ in part.edges} | {extra.name.rpartition("/")[2] for extra in added}
    for (given, _), one in zip(opened, more.programs, strict=True):
        missing[given.name] = [lookup for lookup in Closure((one,)).missing if lookup.name not in loaded]
    closed = Closure(closed.programs + more.programs, tuple(dict.fromkeys(closed.notices + more.notices)))
    sources = [source for source, _ in (*binaries, *opened)]
    return list(zip(sources, closed.programs, strict=True)), closed, missing


def _refuse(missing: dict[str, list[Lookup]], root: fs.Root, wanted: Request) -> None:
    names = [name for name, lookups in missing.items() if lookups]
    if names:
        if wanted.declared is not None:
            from ocidiet.cli import roots

            raise roots.refused(missing, root, wanted)
        from ocidiet.errors.lacks import MissingLibraries

        raise MissingLibraries([lookup for name in names for lookup in missing[name]], names, "", root.spell)


def _layer(
    programs: Sequence[tuple[Source, Program]],
    added: Sequence[Extra],
    root: fs.Root,
    base: fs.Root,
    facts: closure.Facts,
    wanted: Request,
) -> tuple[Tree, set[str]]:
    """What `base` lacks: libraries are added until each name is served, by the base or by the layer; and the
    names that neither serves."""
    from ocidiet import tree, verify

    only: set[str] = set()
    while True:
        image = tree.assemble(programs, added, root, wanted.places, base, only)
        lacking = verify.lacking(image, facts, wanted.search, base)
        if lacking <= only:
            return image, lacking
        only |= lacking


def _places(wanted: Request) -> list[HostPath]:
    """The files that are made."""
    places = [wanted.tar] if wanted.tar else [path for _, path in wanted.layers]
    if wanted.image is not None:
        places += [wanted.image.archive] if wanted.image.archive is not None else []
        places += [HostPath(f"{wanted.image.directory}/index.json")] if wanted.image.directory is not None else []
    return places


def _kept_apart(wanted: Request, record: fs.Record) -> dict[str, str]:
    """Where each output is, behind all links. Raises `UsageError` for one that is another, or an input."""
    images = _places(wanted)
    if wanted.declared is not None:
        from ocidiet.cli import declared

        outputs = [*images, *(path for _, path in wanted.beside)]
        declared.outputs_are_apart(outputs, wanted.declared)
        # Without a depfile nobody is told, and what is not declared is not to be looked at.
        told = (*outputs, wanted.depfile) if wanted.depfile else ()
        return {path: os.path.realpath(path) for path in told}
    from ocidiet.commit.state import SUFFIX

    places: dict[str, str] = {path: os.path.realpath(path) for _, path in wanted.beside}
    index = images[-1] if wanted.image is not None and wanted.image.directory is not None else ""
    for image in images:
        real = os.path.realpath(image)
        if real in places.values():
            raise UsageError(f"{shown(image)}: is two of the outputs")
        # A layout's fingerprint lies beside it.
        beside = (os.path.dirname(image), os.path.realpath(os.path.dirname(image))) if image == index else (image, real)
        places |= {image: real, beside[0] + SUFFIX: os.path.realpath(beside[1] + SUFFIX)}
    if wanted.depfile is not None:
        depfile = os.path.realpath(wanted.depfile)
        for image in images:
            if depfile == places[image]:
                raise UsageError(f"{shown(image)}: is both the image and the depfile")
        if depfile in places.values():
            raise UsageError(f"{shown(wanted.depfile)}: is both the depfile and the image's fingerprint")
        places[wanted.depfile] = depfile
    for path, real in places.items():
        if record.holds(real):
            raise UsageError(f"{shown(path)}: an output among the inputs", hint="write it outside what -b and -e name")
    return places


def _directories(own: list[HostPath], record: fs.Record) -> set[HostPath]:
    """Those of the tool's files: an upgrade may bring old mtimes."""
    directories = {HostPath(os.path.dirname(file)) for file in own if file.endswith(".py")}
    return {path for path in directories if not below(path, record.build_tree)}


def _own_files() -> list[HostPath]:
    """The files that this program was loaded from."""
    archive = getattr(getattr(__spec__, "loader", None), "archive", None)
    if archive is not None:
        return [HostPath(os.path.realpath(archive))]
    spelled = os.path.dirname(os.path.dirname(__file__))
    here = os.path.realpath(spelled)
    files = [module.__file__ or "" for name, module in sys.modules.items() if name.startswith("ocidiet.")]
    names = {file[len(spelled) + 1 :] for file in files} | {"__init__.py", "__main__.py"}
    return [HostPath(f"{here}/{name}") for name in names]
