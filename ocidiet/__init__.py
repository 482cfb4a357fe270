"""ocidiet: a minimal container image as one more incremental build artifact.

Start at README.md beside this file: it names the rooms and the way through them.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__version__ = "0.1.0"
__all__ = ["__version__", "main"]

is_tool = False
"""Whether this process is the tool's own: no other's imports are touched."""

# Pages that a run needs, for `hasten`: what every command imports, and what looks into programs.
STARTING = "system model/loading model/ errors/ commit/"
RESOLVING = "elf/ fs/disk fs/ ldcache/ search/glibc search/ closure/space closure/"
_MAX_PAGE_BYTES = 40 << 10


# An old Python must get through this page, as far as the sentence in __main__.
def __getattr__(name: str) -> "Any":
    if name == "main":
        from ocidiet.cli import main

        return main
    raise AttributeError(f"module 'ocidiet' has no attribute {name!r}")


def run() -> None:
    """The process: runs with its arguments and ends it."""
    # By path, and without -I, this directory is one of those, where its modules would hide others of the same name.
    sys.path[:] = [path for path in sys.path if path != __path__[0]]
    import gc

    gc.disable()  # a run is short and makes no cycles; looking for them costs as much as parsing does
    import _signal  # type: ignore[import-not-found]

    if _signal.getsignal(_signal.SIGINT) == _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # until main() has its own: no traceback
    global is_tool  # noqa: PLW0603
    is_tool = True
    hasten(f"{STARTING} cli/options cli/")
    from ocidiet.cli import main
    from ocidiet.system import os

    # All output has left through os.write: what remains would be to take the interpreter apart, in
    # a millisecond that every build would wait for.
    os._exit(main())


def hasten(pages: str) -> None:
    """Import `pages` of the tool in two thirds of the time that Python takes; in any other process nothing.

    Each stands behind those that it imports; `NAME/` is a folder's own page. The bytecode that Python keeps is run at
    once. Where that of one page is not there, or of another state of its source (PEP 552), Python imports all.
    """
    if not is_tool:
        return
    import posix
    from _frozen_importlib import ModuleSpec
    from _frozen_importlib_external import MAGIC_NUMBER, SourceFileLoader
    from _frozen_importlib_external import _compile_bytecode as code_of  # type: ignore[attr-defined]

    top, _, tag = (__spec__.cached or "").rpartition("/__pycache__/__init__")
    if type(__spec__.loader) is not SourceFileLoader or __spec__.origin != f"{top}/__init__.py":
        return  # an archive, or bytecode kept elsewhere

    def kept(source: str, bytecode: str, name: str) -> "Any":
        try:
            st = posix.stat(source)
            fd = posix.open(bytecode, posix.O_RDONLY | posix.O_CLOEXEC)
            data = posix.read(fd, _MAX_PAGE_BYTES)
            posix.close(fd)
            state = (0, int(st.st_mtime) & 0xFFFFFFFF, st.st_size & 0xFFFFFFFF)
            if data[:16] != MAGIC_NUMBER + b"".join([word.to_bytes(4, "little") for word in state]):
                return None
            # A file system may give less than it was asked for.
            return code_of(memoryview(data)[16:], name, bytecode, source) if len(data) < _MAX_PAGE_BYTES else None
        except (OSError, EOFError):
            return None

    def whole(name: str) -> "Any":
        del sys.modules["__future__"]
        import __future__

        return getattr(__future__, name)

    # What its `annotations` does, the compiler has done. Each import asks for a `__path__` too.
    future: Any = type(sys)("__future__")
    future.annotations, future.__path__, future.__getattr__ = None, [], whole
    sys.modules.setdefault("__future__", future)

    named = [(page, f"ocidiet.{page.rstrip('/').replace('/', '.')}") for page in pages.split()]
    ready = []
    for page, name in named:
        if name in sys.modules:
            continue
        folder, _, stem = f"{top}/{page}".rpartition("/")
        stem = stem or "__init__"
        source, bytecode = f"{folder}/{stem}.py", f"{folder}/__pycache__/{stem}{tag}"
        code = kept(source, bytecode, name)
        if code is None:
            # All, so that the bytecode of all is kept.
            for _, each in named:
                __import__(each)
            return
        loader = SourceFileLoader(name, source)
        spec = ModuleSpec(name, loader, origin=source)
        spec.has_location, spec.cached = True, bytecode
        above, _, last = name.rpartition(".")
        module = type(sys)(name)
        told = module.__dict__
        told["__spec__"], told["__loader__"], told["__file__"], told["__cached__"] = spec, loader, source, bytecode
        told["__package__"] = above
        if page.endswith("/"):
            spec.submodule_search_locations = told["__path__"] = [folder]
            told["__package__"] = name
        ready.append((module, above, last, code))
    for module, _, _, _ in ready:
        sys.modules[module.__name__] = module
    done = 0
    try:
        for module, above, last, code in ready:
            exec(code, module.__dict__)
            setattr(sys.modules[above], last, module)
            done += 1
    finally:  # as with Python, nothing stays that is half imported
        for module, _, _, _ in ready[done:]:
            del sys.modules[module.__name__]
