"""argv -> options -> `Request`.

By hand: argparse's import costs as much as Python's own start, on every run of every build.
"""

from __future__ import annotations

from ocidiet.errors import UsageError, shown
from ocidiet.model import TYPE_CHECKING, HostPath, ImagePath, Priority, Search, Source
from ocidiet.system import os

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocidiet.model.image import Places, Request

    Options = dict[str, list[str]]
    """Option -> its values, in order; for a flag an empty one each time that it was given."""

FILES = "FILE"
"""The key of what follows a verb."""

_SHORT = {
    "-t": "--tar",
    "-b": "--binary",
    "-e": "--extra",
    "-o": "--output",
    "-v": "--verbose",
    "-h": "--help",
    "-0": "--null",
}
_SOURCES = ("--binary", "--extra")
_DECLARED = ("--root-files", "--tree-files")
_MANY = (*_SOURCES, *_DECLARED)  # every word up to the next option
_OF_BUILD = (*_DECLARED, "--root-links", "--unused-inputs")
_BESIDE = ("--report", "--mtree", "--closure")
_LISTS = ("--library-path", "--preload")  # which may be given in parts
_SEARCH = (*_LISTS, "--hwcaps", "--dlopen")
_IMAGE_AGAIN = ("--env", "--label", "--annotation", "--expose", "--volume")
OF_IMAGE = (
    "--tag",
    "--layers",
    "--compress",
    "--entrypoint",
    "--cmd",
    "--workdir",
    "--user",
    "--stop-signal",
    "--created",
    *_IMAGE_AGAIN,
)
_PLACES = ("--layout", "--library-dir", "--base", "--destdir")
_ONE = (
    "--tar",
    "--archive",
    "--oci",
    *OF_IMAGE,
    *_SEARCH,
    "--root",
    "--build-tree",
    *_PLACES,
    "--mtime",
    "--depfile",
    "--depfile-target",
    "--depfile-style",
    "--root-links",
    "--unused-inputs",
    "--layer",
    *_BESIDE,
)
_AGAIN = (*_LISTS, *_IMAGE_AGAIN, "--layer")
_ASSUME = ("--assume-ldconfig", "--no-assume-ldconfig")
ASKING = ("--help", "--help-all", "--version", "--makefile", "--cmakedir")
_FLAGS = ("--verbose", "--keep-mtime", *_ASSUME, *ASKING)
_OF_VERBS = ("--platform", "--output")
_OF_MACHINE = (*_SEARCH, "--root", "--build-tree", *_ASSUME)
VERBS = {
    "list": ("--null", *_OF_MACHINE),
    "tree": ("--json", *_OF_MACHINE),
    "verify": ("--json", "--report", "--platform", "--stacked", *_SEARCH),
    "index": ("--output", "--tag", "--keep-mtime"),
}
"""First words that do something else than pack, with the options that not all of them have."""


def parse(argv: Sequence[str], verb: str = "") -> Options:
    """What stands in `argv`, behind `verb` if there is one. Raises `UsageError`."""
    options: Options = {}
    words = iter(argv)
    flags = (*_FLAGS, *(name for name in VERBS.get(verb, ()) if name not in (*_ONE, *_OF_VERBS)))
    many = rest = FILES if verb else ""
    for word in words:
        if not word.startswith("-") or word == "-" or (many in _DECLARED and "\t" in word):
            if not many:
                hint = f"programs follow -b, other files -e; a verb ({', '.join(VERBS)}) is the first word"
                raise UsageError(f"{shown(word)}: belongs to no option", hint=hint)
            options.setdefault(many, []).append(word)
            continue
        if word.startswith("--"):
            name, equals, value = word.partition("=")
        else:
            name, value = word[:2], word[2:]
            equals = value
        name, many = _SHORT.get(name, name), rest
        if verb and name not in (*VERBS[verb], "--verbose", "--help", "--help-all"):
            raise UsageError(f"{shown(word)}: no option of `ocidiet {verb}`", hint=f"ocidiet {verb} --help lists them")
        if name in flags:
            if equals and (word.startswith("--") or value.strip("v") or name != "--verbose"):
                if word.startswith("--"):
                    raise UsageError(f"{shown(word)}: {name} takes no value")
                raise UsageError(f"{shown(word)}: write short options apart: {word[:2]} -{value}")
            options.setdefault(name, []).extend([""] * (1 + len(value)))  # -vv
        elif name in _MANY:
            many = name
            options.setdefault(name, []).extend([value] if equals else [])
        elif name in _ONE or (verb and name in _OF_VERBS):
            if name in options and name not in _AGAIN:
                raise UsageError(f"{name} is given twice")
            if not equals:
                value = next(words, "")
            if not value:
                raise UsageError(f"{name} needs a value")
            options.setdefault(name, []).append(value)
        else:
            raise UsageError(f"{shown(word)}: unknown option", hint="ocidiet --help-all lists them")
    for name in _SOURCES:
        if name in options and not options[name]:
            raise UsageError(f"{name} needs at least one value")
    return options


def source(text: str, cwd: str) -> Source:
    """One value of `-b` or `-e`: `[=]SRC[:DEST]`. Raises `UsageError`.

    DEST is absolute, so only `:/` divides; `\\:` is a colon of the name.
    """
    path, dest = text, None
    at = text.find(":/")
    while at > 0 and text[at - 1] == "\\":
        at = text.find(":/", at + 1)
    if at >= 0:
        path, dest = text[:at], text[at + 1 :]
    in_root = path.startswith("=")
    path = (path[1:] if in_root else path).replace("\\:", ":")
    if not path or "\0" in text:
        raise UsageError(f"{shown(text)}: names no file")
    if in_root and not path.startswith("/"):
        raise UsageError(f"{shown(text)}: a path inside the root is absolute", hint="a file of that name is './=name'")
    place = None
    if dest is not None:
        parts = [part for part in dest.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise UsageError(f"{shown(text)}: '..' in a place in the image")
        place = ImagePath("/".join(parts))
    absolute = path if path.startswith("/") else f"{cwd.rstrip('/')}/{path}"
    return Source(text, path, absolute, in_root, place)


def files(options: Options, cwd: str) -> tuple[Source, ...]:
    """What follows a verb: as the values of `-b`, without a place. Raises `UsageError`."""
    sources = tuple([source(text, cwd) for text in options.get(FILES, ())])
    for given in sources:
        if given.dest is not None:
            raise UsageError(f"{shown(given.text)}: a place in the image, which only -b and -e give")
    return sources


def _one(options: Options, name: str, default: str = "") -> str:
    return options.get(name, [default])[0]


def root_image(options: Options, declared: bool) -> HostPath | None:
    """As `Request.root_image`. What is no declared input may be hostile: no path that leads through it is asked for."""
    path = _one(options, "--root")
    is_layout = declared and os.path.lexists(f"{path}/oci-layout")
    return HostPath(path) if is_layout or os.path.isfile(path) else None


def root(options: Options) -> HostPath:
    """As `Request.root`. Raises `UsageError`."""
    if "--root" not in options:
        return HostPath("")
    path = _one(options, "--root")
    if not os.path.isdir(path):
        raise UsageError(f"--root {shown(path)}: no such directory")
    real = os.path.realpath(path)
    if not os.path.samefile(path, real):
        real = os.path.abspath(path)  # /proc/PID/root is another's root, whatever its text says
    return HostPath(real.rstrip("/"))


def build_tree(options: Options, cwd: str) -> HostPath | None:
    """As `Request.build_tree`: what holds default directories of the loader is none, or all would be
    "built". Raises `UsageError`."""
    path = _one(options, "--build-tree", cwd)
    if "--build-tree" in options and not os.path.isdir(path):
        raise UsageError(f"--build-tree {shown(path)}: no such directory")
    tree = os.path.realpath(path)
    holds_system = any(f"{inner}/".startswith(f"{tree.rstrip('/')}/") for inner in ("/lib", "/lib64", "/usr/lib"))
    return None if holds_system or os.path.dirname(tree) in ("/lib", "/usr/lib") else HostPath(tree)


def places(options: Options, cwd: str, on_disk: bool = True) -> Places:
    """Where things go; a build tree that is not `on_disk` is `cwd` itself. Raises `UsageError`."""
    from ocidiet.model.image import LAYOUTS, Places

    layout = _one(options, "--layout", "portable")
    if layout not in LAYOUTS:
        raise UsageError(f"--layout {shown(layout)}: {', '.join(LAYOUTS)}")
    directory = _one(options, "--library-dir")
    parts = [part for part in directory.split("/") if part not in ("", ".")]
    if directory and (not directory.startswith("/") or ".." in parts or not parts):
        raise UsageError(f"--library-dir {shown(directory)}: an absolute path in the image, without '..'")
    tree = build_tree(options, cwd) if on_disk else HostPath(cwd)
    return Places(tree, layout, "/" + "/".join(parts) if parts else "")


def search(options: Options, cwd: str) -> Search:
    """What the loader is told. Raises `UsageError`."""
    hwcaps = _one(options, "--hwcaps", "all")
    names = () if hwcaps == "baseline" else tuple(hwcaps.split(","))
    if hwcaps != "all" and any(n in ("", "all", "baseline") or "/" in n or len(n.split()) != 1 for n in names):
        raise UsageError(f"--hwcaps {shown(hwcaps)}: all, baseline, or names as x86-64-v3,x86-64-v2")
    dlopen = _one(options, "--dlopen", Priority.RECOMMENDED)
    if dlopen not in (*Priority.ALL, "none"):
        raise UsageError(f"--dlopen {shown(dlopen)}: {', '.join(Priority.ALL)} or none")
    assume = [name for name in _ASSUME if name in options]
    if len(assume) > 1:
        raise UsageError(f"{' and '.join(assume)} exclude each other")
    return Search(
        HostPath(cwd),
        ":".join(options.get("--library-path", ())),
        ":".join(options.get("--preload", ())),
        None if hwcaps == "all" else names,
        dlopen,
        assume[0] == _ASSUME[0] if assume else None,
    )


def request(options: Options, cwd: str) -> Request:
    """What `options` ask for, with every default. Raises `UsageError`."""
    from ocidiet.model.image import Request

    tar = _one(options, "--tar")
    image = None
    if "--archive" in options or "--oci" in options:
        from ocidiet.cli import image as of_image

        image = of_image.wanted(options)
        if tar == "-":
            raise UsageError("-t - stands alone: no --archive or --oci with it")
        if not tar and "--layout" in options and "--layer" not in options:
            raise UsageError("--layout is the tar's, and there is no -t: an image's own layer fits what is below it")
    elif not tar and "--layer" not in options:
        raise UsageError("no output: -t FILE, --archive FILE or --oci DIR is missing")
    for name in OF_IMAGE if image is None else ():
        if name in options:
            raise UsageError(
                f"{name} is an image's: it needs --archive or --oci", hint="a tar says nothing of the kind"
            )
    if ":" in tar and "/" not in tar and not tar.endswith(".tar"):
        hint = f"-t names a tar's file; an image: --archive {tar.partition(':')[0]}.oci.tar --tag {tar}"
        raise UsageError(f"-t {shown(tar)}: looks like an image's name and tag", hint=hint)
    declared = None
    layers: tuple[tuple[str, HostPath], ...] = ()
    if not options.keys().isdisjoint(_OF_BUILD) or "--layer" in options:
        from ocidiet.cli import declared as of_build
        from ocidiet.model.declared import TREE

        layers = of_build.layers(options)
        if not options.keys().isdisjoint(_OF_BUILD):
            declared, cwd = of_build.declared(options), TREE
    whole = root_image(options, declared is not None) if "--root" in options else None
    sources = {name: tuple([source(text, cwd) for text in options.get(name, ())]) for name in _SOURCES}
    if not any(sources.values()) and "--destdir" not in options:
        raise UsageError("nothing to put into the image: neither -b, -e nor --destdir")
    destdir, base = _one(options, "--destdir"), _one(options, "--base")
    if destdir and not os.path.isdir(destdir):
        raise UsageError(f"--destdir {shown(destdir)}: no such directory")
    if destdir and os.path.realpath(destdir) == "/":
        raise UsageError("--destdir /: the machine's own root is no installed tree")
    if base and "--layout" in options:
        raise UsageError("--layout and --base exclude each other: a known base says how its directories are linked")
    directory = _one(options, "--oci").rstrip("/")
    target = tar or (layers[-1][1] if layers else _one(options, "--archive") or f"{directory}/index.json")
    depfile = options.get("--depfile", [None])[0]
    if depfile is None and ("--depfile-target" in options or "--depfile-style" in options):
        raise UsageError("--depfile-target and --depfile-style need --depfile")
    if tar == "-" and depfile is not None:
        raise UsageError("no --depfile with -t -: standard output is no target")
    if tar == "-" and (declared is not None or not options.keys().isdisjoint(_BESIDE)):
        raise UsageError("-t - stands alone: nothing is written beside standard output")
    style = _one(options, "--depfile-style", "gcc")
    if style not in ("gcc", "make", "cmake"):
        raise UsageError(f"--depfile-style {shown(style)}: gcc, make or cmake")
    mtime = _one(options, "--mtime", "0")
    if not (mtime.isascii() and mtime.isdigit() and int(mtime) < 8**11):
        raise UsageError(f"--mtime {shown(mtime)}: a whole number of seconds from 0 to {8**11 - 1}")
    return Request(
        HostPath(tar),
        sources["--binary"],
        sources["--extra"],
        root(options) if whole is None and (declared is None or "--root" in options) else HostPath(""),
        places(options, cwd, declared is None),
        search(options, cwd),
        int(mtime),
        None if depfile is None else HostPath(depfile),
        _one(options, "--depfile-target", target),
        style,
        "--keep-mtime" in options,
        len(options.get("--verbose", ())),
        HostPath(os.path.realpath(destdir)) if destdir else None,
        HostPath(base) if base else None,
        image,
        whole,
        layers,
        tuple([(name[2:], HostPath(options[name][0])) for name in _BESIDE if name in options]),
        declared,
    )
