"""Resolve programs and print the files of their closure: `python3 -IS resolve.py PROGRAM...`.

Stands beside a copy of the package, which `bench.py` makes; starts and ends as the tool does.
"""

import gc
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from ocidiet import closure, fs, model

gc.disable()
root = fs.DiskRoot("", fs.Record())
search = model.Search(model.HostPath(os.getcwd()))
named = [(path, root.walk(path)) for path in sys.argv[1:]]
reals = {
    found.walk.real
    for program in closure.Resolver(root, closure.Facts(), search).resolve(named).programs
    for found in (program.main, program.interp, *program.objects)
    if found is not None
}
print("\n".join(sorted(reals)), flush=True)
os._exit(0)
