"""ocidiet: a minimal container image as one more incremental build artifact.

Start at README.md beside this file: it names the rooms and the way through them.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__version__ = "0.1.0"
__all__ = ["__version__", "main"]

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
    hasten()
    from ocidiet.cli import main
    from ocidiet.system import os

    # All output has left through os.write: what remains would be to take the interpreter apart, in
    # a millisecond that every build would wait for.
    os._exit(main())


def hasten() -> None:
    """Let this process, the tool's own, import the tool's pages in half of the time that Python takes."""
    import posix
    from _frozen_importlib_external import MAGIC_NUMBER, SourceFileLoader
    from _frozen_importlib_external import _compile_bytecode as code_of  # type: ignore[attr-defined]

    spec = __spec__
    folder, _, tag = (spec.cached or "").rpartition("/__pycache__/__init__")
    if type(spec.loader) is not SourceFileLoader or spec.origin != f"{folder}/__init__.py":
        return  # an archive, or bytecode kept elsewhere

    class Page(SourceFileLoader):
        """Looks for a page in its one place, where Python lists folders; what is not as usual is left to Python."""

        bytecode: str
        head: bytes

        @classmethod
        def find_spec(cls, name: str, path: "Any", _target: object = None) -> "Any":
            if not name.startswith("ocidiet."):
                return None
            above, stem = path[0], name.rpartition(".")[2]
            # A folder counts first, as with Python: an older release may have had the page in one piece.
            for folder, page in ((f"{above}/{stem}", "__init__"), (above, stem)):
                try:
                    st = posix.stat(f"{folder}/{page}.py")
                except OSError:
                    continue
                self = cls(name, f"{folder}/{page}.py")
                self.bytecode = f"{folder}/__pycache__/{page}{tag}"
                # PEP 552: bytecode for this state of the source.
                state = (0, int(st.st_mtime) & 0xFFFFFFFF, st.st_size & 0xFFFFFFFF)
                self.head = MAGIC_NUMBER + b"".join([word.to_bytes(4, "little") for word in state])
                found = type(spec)(name, self, origin=self.path)
                found.has_location, found.cached = True, self.bytecode
                if folder is not above:
                    found.submodule_search_locations = [folder]
                return found
            return None

        def get_code(self, name: str) -> "Any":
            data = b""
            try:
                fd = posix.open(self.bytecode, posix.O_RDONLY | posix.O_CLOEXEC)
                data = posix.read(fd, _MAX_PAGE_BYTES)
                posix.close(fd)
            except OSError:
                pass
            if data[:16] == self.head and len(data) < _MAX_PAGE_BYTES:
                try:
                    return code_of(memoryview(data)[16:], name, self.bytecode, self.path)
                except EOFError:
                    pass  # a file system may give less than it was asked for
            return super().get_code(name)

    def whole(name: str) -> "Any":
        if name == "__path__":  # which the import itself asks for
            raise AttributeError(name)
        del sys.modules["__future__"]
        import __future__

        return getattr(__future__, name)

    sys.meta_path.insert(0, Page)
    # What its `annotations` does, the compiler has done.
    future: Any = type(sys)("__future__")
    future.annotations, future.__getattr__ = None, whole
    sys.modules.setdefault("__future__", future)
