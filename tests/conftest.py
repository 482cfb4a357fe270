"""Fixtures and hooks of all tests; helpers to import are in `tests.support`."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import PODMAN_RUN, Engine, clean_env, need, run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/tools/" in item.path.as_posix():
            item.add_marker(pytest.mark.slow)


def pytest_configure() -> None:
    """In the background a shell starts with SIGINT ignored, and nohup with SIGHUP, which children would inherit."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Under CI a skip is a failure: the packages are there."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("skipped under CI: a failure")
        session.exitstatus = 1


@pytest.fixture(scope="session")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A docker daemon of the tests' own: no other's images are seen or touched."""
    need("dockerd", "containerd", root=True)
    home = tmp_path_factory.mktemp("docker", numbered=True)
    socket = f"unix://{home}/docker.sock"
    options: list[str | Path] = ["--data-root", home / "data", "--exec-root", home / "exec", "--pidfile", home / "pid"]
    options += ["--host", socket, "--bridge", "none", "--iptables=false", "--storage-driver", "vfs"]
    env = clean_env(DOCKER_HOST=socket)
    with open(home / "log", "w") as log:
        daemon = subprocess.Popen(
            ["dockerd", *[os.fspath(option) for option in options]], stdout=log, stderr=log, env=env
        )
    engine = Engine(["/usr/bin/docker"], ["--network=none"], {**env, "DOCKER_BUILDKIT": "0"})
    try:
        for _ in range(300):
            if run(["/usr/bin/docker", "version"], env=env).returncode == 0:
                break
            if daemon.poll() is not None:
                pytest.skip(f"dockerd does not start here: {(home / 'log').read_text()[-500:]}")
            time.sleep(0.1)
        yield engine
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(60)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """podman with a storage of the tests' own."""
    need("podman", "runc", root=True)
    home = tmp_path_factory.mktemp("podman", numbered=True)
    storage = ["--root", str(home / "root"), "--runroot", str(home / "run"), "--storage-driver", "vfs"]
    engine = Engine(["podman", *storage, "--runtime", "runc"], PODMAN_RUN, clean_env())
    yield engine
    engine("rmi", "--all", "--force")
    shutil.rmtree(home, ignore_errors=True)
