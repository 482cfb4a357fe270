"""The laws that the cases tell, as one page: `python -m tests.loader.laws` writes README.md."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent
README = HERE / "README.md"
CASES = sorted(path.parent for path in HERE.glob("*/build.sh"))
SECTIONS = {
    "0": "Paths and links",
    "1": "glibc: which objects",
    "2": "glibc: where a name is looked for",
    "3": "musl",
    "4": "ld.so.cache, and roots without one",
    "5": "Notes of what is opened later",
    "6": "Scripts, and what libc opens by itself",
    "8": "Errors",
}
HEAD = """\
# The loader's law

Each line is a directory here: a program is built, and what ocidiet finds for it is what the real loader opens
(`test_loader.py`; the words of the cases are in `words.sh`). Written by `python -m tests.loader.laws`.
"""


def laws() -> str:
    """The page: each case's number and the sentence that its `build.sh` begins with."""
    page = HEAD
    for number, title in SECTIONS.items():
        page += f"\n## {title}\n\n"
        for case in CASES:
            if case.name.startswith(number):
                sentence = (case / "build.sh").read_text().partition("\n")[0]
                page += f"- [{case.name[:3]}]({case.name}/build.sh) {sentence[2:]}\n"
    return page


if __name__ == "__main__":
    README.write_text(laws())
