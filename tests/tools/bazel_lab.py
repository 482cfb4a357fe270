"""Real Bazel, the oldest and the newest that Debian has, without a network.

4.2.3 is this machine's package. 7.7.1 comes in a tree of Debian's unstable suite, made once by
mmdebstrap, kept in $OCIDIET_TEST_CACHE and entered with bubblewrap: `/tmp` and the lab's own directory
are seen there under the same paths. What a Bazel would fetch and never use is overridden by empty
modules.

    lab = Lab(tmp_path, SEVEN)
    built = lab.workspace("rules/tests").build("//app:image")
    assert built.ran == {"OcidietTar": 1}
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, NamedTuple

import pytest

from tests.support import clean_env, copy_checkout, mirror, need, run

FOUR, SEVEN = "4.2.3", "7.7.1"
VERSIONS = (FOUR, SEVEN)

SUITE = "sid"
PACKAGES = (
    # libblake3-0: Debian's bazel needs it and does not say so; without it files are read the slow way.
    "gcc,g++,libc6-dev,zlib1g-dev,python3,bazel-bootstrap,bazel-platforms,bazel-features,bazel-skylib,bazel-rules-cc,"
    "bazel-rules-java,bazel-rules-license,bazel-rules-pkg,bazel-rules-python,bazel-rules-shell,libblake3-0,"
    "strace,gcc-aarch64-linux-gnu,libc6-dev-arm64-cross"
)

# Modules that Bazel 7's own tools depend on, for other platforms.
STUBS = {"apple_support": "1.23.1", "buildozer": "7.1.2", "protobuf": "3.19.6", "zlib": "1.3.1.bcr.3"}
# Rules that every later Bazel takes from a repository, as native ones: what Bazel 4 has of them.
SHIMS = {
    "rules_cc/cc": "cc_binary cc_library cc_test cc_import cc_toolchain cc_toolchain_suite cc_proto_library",
    "rules_java/java": "java_binary java_library java_import java_test java_plugin java_runtime java_toolchain"
    " java_package_configuration",
}
SHIM_EXTRA = {
    "rules_cc/cc": "\ndef cc_flags_supplier(**_kwargs):\n    pass\n\ndef compiler_flag(**_kwargs):\n    pass\n"
}


class Spawn(NamedTuple):
    """One command of a build, from Bazel's execution log."""

    mnemonic: str
    target: str
    """Its label; "" with 4.2.3, which does not tell it."""
    runner: str
    """linux-sandbox, local, remote cache hit, ..."""
    argv: list[str]
    inputs: list[str]
    outputs: list[str]
    wall_s: float
    """How long it ran, without the making of its sandbox; 0 with 4.2.3, which does not tell it."""


class Built(NamedTuple):
    """One call of Bazel."""

    good: bool
    output: str
    """Of both streams, without progress."""
    spawns: list[Spawn]
    processes: dict[str, int]
    """Bazel's summary line: how many by which runner, and the `total`."""

    @property
    def ran(self) -> dict[str, int]:
        """How many commands really ran, by mnemonic: no hits of a cache."""
        return dict(Counter(spawn.mnemonic for spawn in self.spawns if "cache hit" not in spawn.runner))


def cache() -> Path:
    """Where trees are kept between runs."""
    top = Path(os.environ.get("OCIDIET_TEST_CACHE") or Path("~/.cache/ocidiet-tests").expanduser())
    top.mkdir(parents=True, exist_ok=True)
    return top


def tree() -> Path:
    """A Debian tree with Bazel 7, made where there is none yet: about a minute and 1.3 GB."""
    need("mmdebstrap", "bwrap", root=True)
    place = cache() / f"bazel-{SEVEN}-{hashlib.sha256(PACKAGES.encode()).hexdigest()[:8]}"
    if not place.exists():
        new = place.with_name(f"{place.name}.{os.getpid()}")
        options = ["--mode=root", "--variant=apt", f"--include={PACKAGES}"]
        options += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("man", "doc", "locale")]
        # openjdk's postinst wants the directory that is left out.
        options += ['--essential-hook=mkdir -p "$1/usr/share/man/man1"']
        # A mirror that stands still is as good here.
        options += ['--aptopt=Acquire::Check-Valid-Until "false"', '--aptopt=Acquire::Check-Date "false"']
        options += ['--aptopt=APT::Install-Recommends "false"', '--aptopt=Acquire::Retries "3"']
        try:
            ended = run(["mmdebstrap", *options, SUITE, new, mirror()])
            if ended.returncode != 0:
                pytest.skip(f"no Bazel {SEVEN} from the mirror: {ended.stderr.strip().splitlines()[-2:]}")
            new.rename(place)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return place


class Lab:
    """One version of Bazel and a copy of the checkout, `ocidiet/`, in a directory of their own."""

    def __init__(self, home: Path, version: str) -> None:
        self.home = home.resolve()
        self.version = version
        self._workspaces: list[Workspace] = []
        if version == FOUR:
            need("bazel", "dpkg-query")
            self.enter: list[str | Path] = []
            """Words before a command that is to run where Bazel does."""
            self.top = Path("/")
            """The root of what it sees."""
            if not run(["dpkg-query", "-Wf", "${Version}", "bazel-bootstrap"]).stdout.startswith(FOUR):
                pytest.skip(f"this machine's bazel is not Debian's {FOUR}")
        else:
            self.top = tree()
            # The machine's /proc, not a new one: sandboxes of Bazel could not mount theirs.
            self.enter = ["bwrap", "--bind", self.top, "/", "--dev", "/dev", "--bind", "/proc", "/proc"]
            self.enter += ["--ro-bind", "/sys", "/sys", "--bind", "/tmp", "/tmp", "--bind", self.home, self.home]
        copy_checkout(self.home / "ocidiet")
        flags = [*self._overrides(), "--noshow_progress", "--color=no"]
        text = "".join(f"common {flag}\n" for flag in flags)
        # Debian turns this on: pages of output, and every sandbox stays.
        (self.home / "lab.bazelrc").write_text(f"{text}build --nosandbox_debug\n")

    def _overrides(self) -> Iterator[str]:
        if self.version == FOUR:
            for name, rules in SHIMS.items():
                path = self.home / "shims" / name
                path.mkdir(parents=True)
                (path / "BUILD").touch()
                (path.parent / "BUILD").touch()
                (path.parent / "WORKSPACE").write_text(f'workspace(name = "{path.parent.name}")\n')
                text = "".join(f"{rule} = native.{rule}\n" for rule in rules.split())
                (path / "defs.bzl").write_text(text + SHIM_EXTRA.get(name, ""))
                yield f"--override_repository={path.parent.name}={path.parent}"
            # All tests depend on it.
            coverage = self.home / "shims/remote_coverage_tools"
            coverage.mkdir()
            (coverage / "WORKSPACE").touch()
            generator = 'filegroup(name = "coverage_report_generator", visibility = ["//visibility:public"])\n'
            (coverage / "BUILD").write_text(generator)
            yield f"--override_repository=remote_coverage_tools={coverage}"
        else:
            yield from ("--lockfile_mode=off", "--noenable_workspace")
            for name, version in STUBS.items():
                path = self.home / "stubs" / name
                path.mkdir(parents=True)
                (path / "BUILD.bazel").touch()
                (path / "MODULE.bazel").write_text(f'module(name = "{name}", version = "{version}")\n')
                yield f"--override_module={name}={path}"

    def workspace(self, name: str | Path, output_base: str = "base", **settings: Any) -> Workspace:
        """A workspace: a directory of the checkout's copy, or another by its absolute path."""
        made = Workspace(self, self.home / "ocidiet" / name, self.home / output_base, **settings)
        self._workspaces.append(made)
        return made

    def shutdown(self) -> None:
        """End the servers."""
        for workspace in self._workspaces:
            workspace.bazel("shutdown")


class Workspace:
    """A workspace with an output base, and so a server, of its own."""

    def __init__(self, lab: Lab, path: Path, output_base: Path, fast_start: bool = True) -> None:
        self.lab = lab
        self.path = path
        self.output_base = output_base
        self.flags: list[str] = []
        """Of every build."""
        startup = [f"--output_base={output_base}", f"--bazelrc={lab.home}/lab.bazelrc", "--max_idle_secs=600"]
        if fast_start:  # half of a cold build is the JVM's own compiler; not for a benchmark
            startup += ["--host_jvm_args=-XX:TieredStopAtLevel=1", "--host_jvm_args=-XX:+UseSerialGC"]
        self._bazel = [*lab.enter, "bazel", *startup]
        self.env = clean_env(HOME=str(lab.home), USER="lab")

    def bazel(self, command: str, *words: str | Path) -> CompletedProcess[str]:
        """One call of Bazel; its status is not judged."""
        return run([*self._bazel, command, *words], self.path, self.env)

    def _logged(self, command: str, *words: str | Path) -> Built:
        log = self.lab.home / f"{time.monotonic_ns()}.json"
        ended = self.bazel(command, f"--execution_log_json_file={log}", *self.flags, *words)
        spawns = list(spawned(log)) if log.exists() else []
        log.unlink(missing_ok=True)
        output = ended.stdout + ended.stderr
        return Built(ended.returncode == 0, output, spawns, summary(output))

    def build(self, *words: str | Path) -> Built:
        """Build targets; it must succeed."""
        built = self._logged("build", *words)
        assert built.good, built.output
        return built

    def fails(self, *words: str | Path, command: str = "build") -> str:
        """What Bazel says of a build that must fail."""
        built = self._logged(command, *words)
        assert not built.good, built.output
        return built.output

    def test(self, *words: str | Path) -> Built:
        """Run tests, which must pass."""
        tested = self._logged("test", "--test_output=errors", *words)
        assert tested.good, tested.output
        return tested

    def run(self, target: str, *words: str | Path, flags: tuple[str, ...] = ()) -> CompletedProcess[str]:
        """`bazel run`, with `words` for the program; its status is not judged."""
        return self.bazel("run", "--ui_event_filters=-info", *self.flags, *flags, target, "--", *words)

    def out(self, name: str) -> Path:
        """An output by its name in bazel-bin."""
        return self.path / "bazel-bin" / name

    def write(self, name: str, text: str) -> Path:
        """A source file of the workspace."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


def spawned(log: Path) -> Iterator[Spawn]:
    """The commands of an execution log: JSON objects one behind the other."""
    text, at, decoder = log.read_text(), 0, json.JSONDecoder()
    while at < len(text.rstrip()):
        one, end = decoder.raw_decode(text, at)
        at = len(text) - len(text[end:].lstrip())
        runner = "remote cache hit" if one.get("remoteCacheHit") else one.get("runner", "")
        inputs = [found["path"] for found in one.get("inputs", [])]
        argv, outputs = one.get("commandArgs", []), one.get("listedOutputs", [])
        wall_s = float(one.get("metrics", {}).get("executionWallTime", "0s")[:-1])
        yield Spawn(one.get("mnemonic", ""), one.get("targetLabel", ""), runner, argv, inputs, outputs, wall_s)


def summary(output: str) -> dict[str, int]:
    """How many processes by which runner: `INFO: 3 processes: 1 internal, 2 linux-sandbox.`"""
    found = re.search(r"^INFO: (\d+) process(?:es)?: (.*)\.$", output, re.M)
    if not found:
        return {}
    parts = (part.split(" ", 1) for part in found[2].split(", "))
    return {"total": int(found[1]), **{runner: int(number) for number, runner in parts}}
