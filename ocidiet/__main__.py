"""Run ocidiet: `python3 -m ocidiet`, or faster, by path: `python3 -IS .../ocidiet/__main__.py`.

This file must stay parseable by old Pythons, so that they get a sentence and not a SyntaxError; and short, as
by path it is compiled at every start.
"""

import sys

if sys.version_info < (3, 10):  # noqa: UP036
    sys.exit("ocidiet: error: needs Python 3.10 or later, this is {}.{}".format(*sys.version_info))

if not __package__:
    # By path the package is not yet importable, and without -I its own directory stands first
    # in sys.path, where its modules would hide others of the same name.
    _here = __file__.rpartition("/")[0]
    sys.path[:] = [_here.rpartition("/")[0] or "/"] + [p for p in sys.path if p != _here]

from ocidiet import run

if __name__ == "__main__":
    run()
