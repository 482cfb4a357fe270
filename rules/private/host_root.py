"""What of a machine's root a repository rule shall declare, a line each on standard output.

    python3 host_root.py ROOT -d DIRECTORY... -f FILE...

`directory<TAB>PLACE`: one that holds libraries, reached through no link; what it lies in comes before it.
`file<TAB>PLACE`: a file, so reached.
`link<TAB>PLACE<TAB>TARGET`: a link on the way to them, or to a library. `link<TAB>PLACE`: an executable file.
ROOT is "" for the machine's own.
"""

from __future__ import annotations

import glob
import os
import stat
import sys

TOP = ("/lib", "/lib32", "/lib64", "/libx32", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32", "/usr/local/lib")
CONFIGURATION = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.preload", "/etc/ld-musl-*.path")
MAX_LINKS = 40


class Told:
    """What was found, each thing once."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.lines: set[str] = set()

    def follow(self, path: str) -> str:
        """The place at the end of `path` inside the root, "" if there is nothing; the links to it are told."""
        place, rest, followed = "", [part for part in path.split("/") if part], 0
        while rest:
            part = rest.pop(0)
            if part == "..":
                place = place.rpartition("/")[0]
            elif part != ".":
                here = f"{place}/{part}"
                if os.path.islink(self.root + here):
                    followed += 1
                    if followed > MAX_LINKS:
                        return ""
                    target = os.readlink(self.root + here)
                    self.lines.add(f"link\t{here}\t{target}")
                    rest = [word for word in target.split("/") if word] + rest
                    place = "" if target.startswith("/") else place
                else:
                    place = here
        return place if os.path.exists(self.root + place) else ""

    def directory(self, path: str) -> None:
        """Tell of a directory, if it is one, and of the links and executable files among its libraries."""
        place = self.follow(path)
        line = f"directory\t{place}"
        if not place or line in self.lines or not os.path.isdir(self.root + place):
            return
        names = os.listdir(self.root + place)
        libraries = [name for name in names if ".so" in name]
        if "glibc-hwcaps" in names:
            libraries += [
                f"glibc-hwcaps/{name}" for name in glob.glob("*/*.so*", root_dir=f"{self.root}{place}/glibc-hwcaps")
            ]
        for name in libraries:
            self.library(f"{place}/{name}")
        if libraries:
            self.lines.add(line)

    def library(self, place: str) -> None:
        """Tell what a glob does not: that a file is a link, or executable."""
        st = os.lstat(self.root + place)
        if stat.S_ISLNK(st.st_mode):
            self.follow(place)
        elif stat.S_ISREG(st.st_mode) and st.st_mode & 0o111:
            self.lines.add(f"link\t{place}")

    def file(self, path: str) -> None:
        """Tell of one file, if it is there."""
        place = self.follow(path)
        if place and os.path.isfile(self.root + place):
            self.library(place)
            self.lines.add(f"file\t{place}")


def configured(root: str, path: str, seen: set[str]) -> list[str]:
    """The directories that an ld.so.conf names, with what it includes."""
    found: list[str] = []
    if path in seen or not os.path.isfile(root + path):
        return found
    seen.add(path)
    with open(root + path, errors="surrogateescape") as file:
        for line in file:
            words = line.partition("#")[0].split()
            if words[:1] == ["include"]:
                for pattern in words[1:]:
                    full = pattern if pattern.startswith("/") else f"{os.path.dirname(path)}/{pattern}"
                    for name in sorted(glob.glob(root + full)):
                        found += configured(root, name[len(root) :], seen)
            elif words and words[0] != "hwcap":
                found += [
                    word.partition("=")[0] for word in " ".join(words).replace(",", " ").replace(":", " ").split()
                ]
    return found


def main(argv: list[str]) -> None:
    root, words = argv[0], argv[2:]
    at = words.index("-f")
    told = Told(root)
    includes: set[str] = set()
    directories = [*words[:at], *configured(root, "/etc/ld.so.conf", includes)]
    for top in TOP:
        directories += [top, *(name[len(root) :] for name in sorted(glob.glob(f"{root}{top}/*-linux-*")))]
    for directory in directories:
        told.directory(directory)
    configuration = [name[len(root) :] for pattern in CONFIGURATION for name in glob.glob(root + pattern)]
    for path in (*words[at + 1 :], *configuration, *includes):
        told.file(path)
    print("\n".join(sorted(told.lines)))


if __name__ == "__main__":
    main(sys.argv[1:])
