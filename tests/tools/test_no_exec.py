"""Nothing of the target is ever executed, and no helper either: one process, the tool's own."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support import MAIN, PYTHON, cc, done, library, need

STARTS = "execve,execveat,fork,vfork,clone,?clone3"


def test_a_whole_job_starts_no_process(tmp_path: Path) -> None:
    need("strace")
    library(tmp_path / "lib" / "libown.so")
    uses = "int f(void); int main(void) { return f(); }\n"
    cc(tmp_path / "uses", uses, tmp_path / "lib" / "libown.so", "-Wl,-rpath,$ORIGIN/lib")
    cc(tmp_path / "static", "int main(void) { return 0; }\n", "-static")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "script").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "tree" / "script").chmod(0o755)
    tool = [
        PYTHON,
        "-IS",
        str(MAIN),
        "-t",
        "image.tar",
        "--depfile",
        "image.d",
        "-v",
        "-b",
        "uses:/uses",
        "static:/static",
    ]
    strace = ["strace", "-f", "-qq", "-o", "trace", "-e", f"trace={STARTS}"]
    done([*strace, *tool, "-e", "tree:/tree"], tmp_path)
    traced = (tmp_path / "trace").read_text().splitlines()
    assert [re.sub(r"^\d+ +|, \[.*$", "", line) for line in traced] == [f'execve("{PYTHON}"']
