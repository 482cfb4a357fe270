"""ocidiet: a minimal container image as one more incremental build artifact.

Start at README.md beside this file: it names the rooms and the way through them.
"""

__version__ = "0.1.0"
__all__ = ["__version__", "main"]


# Lazily, and without annotations: an old Python must get as far as the sentence in __main__.
def __getattr__(name):  # type: ignore[no-untyped-def]
    if name == "main":
        from ocidiet.cli import main

        return main
    raise AttributeError(f"module 'ocidiet' has no attribute {name!r}")


def run():  # type: ignore[no-untyped-def]
    """The process: runs with its arguments and ends it."""
    import gc

    gc.disable()  # a run is short and makes no cycles; looking for them costs as much as parsing does
    import _signal  # type: ignore[import-not-found]

    if _signal.getsignal(_signal.SIGINT) == _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # until main() has its own: no traceback
    from ocidiet.system import hasten, os

    hasten()
    from ocidiet.cli import main

    # All output has left through os.write: what remains would be to take the interpreter apart, in
    # a millisecond that every build would wait for.
    os._exit(main())
