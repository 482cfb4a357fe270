"""Symbol versions: what each object needs of another is provided by what is loaded.

Law: glibc's elf/dl-version.c. An object that provides no versions at all satisfies every need (the loader
says so aloud, and goes on); musl's loader compares none.
"""

from __future__ import annotations

from ocidiet.errors import BadElf
from ocidiet.model import TYPE_CHECKING, Lack

if TYPE_CHECKING:
    from ocidiet.closure import Facts
    from ocidiet.model import Object, Program


class Judge:
    """Looks at programs; a lack is told once."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._known: dict[tuple[object, object], tuple[Lack, ...]] = {}
        self.unversioned: dict[tuple[str, str], None] = {}
        """Paths of who needs versions, and of the object that provides none at all."""

    def lacks(self, program: Program) -> list[Lack]:
        """The versions for which loaders, on whatever CPU, would refuse `program`."""
        return [lack for part in program.parts() if part.lib for lack in self._part(part)]

    def _part(self, program: Program) -> list[Lack]:
        objects = [found for found in (program.main, program.interp, *program.objects) if found is not None]
        served = {edge.name: edge.found for edge in reversed(program.edges)}
        for found in objects:
            if found.facts.soname:
                served.setdefault(found.facts.soname, found)
        lacks: list[Lack] = []
        for by in objects:
            if by.facts.version_tables:
                try:
                    for file, versions in self._facts.versions(by).needs:
                        # A file that was not found is told as such.
                        if file in served:
                            lacks += self._pair(by, served[file], file, versions)
                except BadElf:
                    pass  # tables that lead nowhere: nothing can be said of them
        return lacks

    def _pair(self, by: Object, found: Object, file: str, versions: frozenset[int]) -> tuple[Lack, ...]:
        provides = self._facts.versions(found).provides
        if provides is None:
            self.unversioned[by.path, found.path] = None
            return ()
        if versions <= provides:
            return ()
        key = (by.file.identity, found.file.identity)
        known = self._known.get(key)
        if known is None:
            absent = sorted(versions - provides)
            known = self._known[key] = tuple([self._told(by, found, file, hashed) for hashed in absent])
        return known

    def _told(self, by: Object, found: Object, file: str, hashed: int) -> Lack:
        version, symbol = self._facts.version_needed(by, file, hashed)
        family = version.partition("_")[0]
        kin = [name for name in self._facts.versions_provided(found) if name.partition("_")[0] == family]
        return Lack(by, version, found, max(kin, key=number, default=""), symbol)


def number(version: str) -> list[int]:
    """What orders the versions of one family: `GLIBC_2.9` before `GLIBC_2.36`."""
    parts = version.rpartition("_")[2].split(".")
    return [int(part) if part.isascii() and part.isdigit() and len(part) < 9 else -1 for part in parts]
