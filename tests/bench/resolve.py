"""Resolve programs and print the files of their closure: `import resolve` with the programs in sys.argv.

Stands beside a copy of the package, which `bench.py` makes; starts and ends as the tool does.
"""

import gc
import sys

gc.disable()

import ocidiet  # noqa: E402

ocidiet.is_tool = True
ocidiet.hasten(f"{ocidiet.STARTING} {ocidiet.RESOLVING}")
from ocidiet import closure, commit, fs, model  # noqa: E402
from ocidiet.system import os  # noqa: E402

root = fs.DiskRoot("", fs.Record())
search = model.Search(model.HostPath(os.getcwd()))
named = [(path, root.walk(path)) for path in sys.argv[1:]]
found = {
    id(one): one
    for program in closure.Resolver(root, closure.Facts(), search).resolve(named).programs
    for one in (program.main, program.interp, *program.objects)
    if one is not None
}
text = "\n".join(dict.fromkeys([one.walk.hops[-1].path for one in found.values()])) + "\n"
commit.Stream(1, "standard output").write(os.fsencode(text))
os._exit(0)
