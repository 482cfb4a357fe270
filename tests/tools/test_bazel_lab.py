"""The Bazels that all other tests of rules/ use."""

from __future__ import annotations

from tests.tools.bazel_lab import SEVEN, Lab, Workspace, summary

MODULE = 'module(name = "trivial")\nbazel_dep(name = "rules_cc", version = "0.0.11")\n'
BUILD = 'load("@rules_cc//cc:defs.bzl", "cc_binary")\n\ncc_binary(name = "three", srcs = ["three.c"])\n'


def trivial(lab: Lab) -> Workspace:
    made = lab.workspace(lab.home / "trivial", "base-of-trivial")
    made.write("MODULE.bazel", MODULE)
    made.write("WORKSPACE", "")
    made.write("BUILD", BUILD)
    made.write("three.c", "int main(void) { return 3; }\n")
    return made


def test_what_bazel_did_is_told(lab: Lab) -> None:
    made = trivial(lab)
    built = made.build("//:three")
    assert built.ran == {"CppCompile": 1, "CppLink": 1}
    assert {spawn.runner for spawn in built.spawns} == {"linux-sandbox"}
    assert built.processes["linux-sandbox"] == 2
    assert built.spawns[0].target == ("//:three" if lab.version == SEVEN else "")
    assert "three.c" in built.spawns[0].inputs
    assert made.out("three").is_file()
    again = made.build("//:three")
    assert (again.ran, again.processes) == ({}, {"total": 1, "internal": 1})
    assert made.run("//:three").returncode == 3
    made.write("three.c", "int main(void) { return x; }\n")
    assert "three.c:1" in made.fails("//:three")


def test_the_summary_line_is_read() -> None:
    line = "INFO: 11 processes: 7 remote cache hit, 4 internal.\n"
    assert summary(f"INFO: x\n{line}") == {"total": 11, "remote cache hit": 7, "internal": 4}
    assert summary("INFO: 1 process: 1 internal.\n") == {"total": 1, "internal": 1}
    assert summary("ERROR: no such target\n") == {}
