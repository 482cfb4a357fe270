"""Run ocidiet: `python3 -m ocidiet`, or faster, by path: `python3 -IS .../ocidiet/__main__.py`.

This file must stay parseable by old Pythons, so that they get a sentence and not a SyntaxError.
"""

import sys

if sys.version_info < (3, 10):  # noqa: UP036
    sys.exit("ocidiet: error: needs Python 3.10 or later, this is {}.{}".format(*sys.version_info))


def run():  # type: ignore[no-untyped-def]
    """The process: runs with its arguments and ends it."""
    import gc

    gc.disable()  # a run is short and makes no cycles; looking for them costs as much as parsing does
    import _signal  # type: ignore[import-not-found]

    if _signal.getsignal(_signal.SIGINT) == _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # until main() has its own: no traceback
    from ocidiet.cli import main
    from ocidiet.system import os

    # All output has left through os.write: what remains would be to take the interpreter apart, in
    # a millisecond that every build would wait for.
    os._exit(main())


if __name__ == "__main__":
    if not __package__:
        # By path the package is not yet importable, and without -I its own directory stands first
        # in sys.path, where its modules would hide others of the same name.
        _here = __file__.rpartition("/")[0]
        sys.path[:] = [_here.rpartition("/")[0] or "/"] + [p for p in sys.path if p != _here]
    run()  # type: ignore[no-untyped-call]
