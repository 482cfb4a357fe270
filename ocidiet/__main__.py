"""Run ocidiet: `python3 -m ocidiet`, or faster, by path: `python3 -IS .../ocidiet/__main__.py`.

This file must stay parseable by old Pythons, so that they get a sentence and not a SyntaxError; and short, as
by path it is compiled at every start.
"""

import sys

if sys.version_info < (3, 10):  # noqa: UP036
    sys.exit("ocidiet: error: needs Python 3.10 or later, this is {}.{}".format(*sys.version_info))

if not __package__:  # by path, from where the package is not yet importable
    sys.path.insert(0, __file__.rpartition("/ocidiet/")[0] or "/")

from ocidiet import run

if __name__ == "__main__":
    run()
