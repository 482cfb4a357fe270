"""10,000 damaged ELF files, each the same on every run: nothing but an error of ours comes of them."""

from __future__ import annotations

import base64
import re
import resource
import signal
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.fuzz.elf_fuzz import Fields, Judge, mutated, seeds
from tests.support import CHECKOUT, PYTHON, run

RUNS = 10_000
MOST_S = 5.0
MOST_BYTES = 128 << 20


def late(*_: object) -> None:
    raise TimeoutError(f"more than {MOST_S} s")


@pytest.mark.slow
def test_fuzz_nothing_but_our_errors_comes_of_damaged_files(tmp_path: Path) -> None:
    judge = Judge(tmp_path)
    fields = [Fields(data) for data in seeds()]
    named: Counter[str] = Counter()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    usual = signal.signal(signal.SIGALRM, late)
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MOST_BYTES, limits[1]))
    try:
        for seed in range(RUNS):
            data = mutated(fields, seed)
            signal.setitimer(signal.ITIMER_REAL, MOST_S)
            try:
                told = judge(data)
            except Exception as error:
                raise AssertionError(f"seed {seed}: {error!r}: {base64.b64encode(data).decode()}") from error
            named.update(re.findall(r" \(([A-Za-z_ ]+) at offset", told[0]) if told[0] else ["resolved"])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, usual)
        resource.setrlimit(resource.RLIMIT_AS, limits)
    # It came everywhere, and past everything.
    assert {
        *("e_ident", "EI_CLASS", "EI_DATA", "EI_VERSION", "EI_OSABI", "EI_ABIVERSION", "EI_PAD", "e_type", "e_version"),
        *("e_phentsize", "e_phnum", "e_phoff", "PT_LOAD p_offset", "PT_INTERP", "PT_INTERP p_offset"),
        *("PT_INTERP p_filesz", "PT_DYNAMIC", "PT_DYNAMIC p_offset", "PT_DYNAMIC p_vaddr", "DT_STRTAB", "DT_STRSZ"),
    } <= named.keys()
    assert named["resolved"] > RUNS / 10


@pytest.mark.slow
def test_fuzz_led_by_coverage(tmp_path: Path) -> None:
    if find_spec("atheris") is None:
        pytest.skip("needs atheris")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, data in enumerate(seeds()):
        (corpus / str(number)).write_bytes(data)
    options = ["-seed=1", "-runs=2000", "-timeout=5", "-rss_limit_mb=512", f"-artifact_prefix={tmp_path}/"]
    ended = run([PYTHON, "-m", "tests.fuzz.elf_fuzz", corpus, *options], CHECKOUT)
    assert ended.returncode == 0, ended.stdout + ended.stderr
