"""The same request on the same inputs gives the same bytes, whoever asks, where, when and how."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import shutil
import sys
import tarfile
import time
from pathlib import Path

import pytest

from tests.support import CHECKOUT, HELLO, MAIN, PYTHON, cc, clean_env, done, library, need

pytestmark = pytest.mark.slow

# Without -I, which would keep PYTHON* variables from the tool, and without a site-packages that holds another.
TOOL = [PYTHON, "-S", str(MAIN)]
REQUEST = ["-b", "build/hello:/opt/hello/hello", "/bin/true", "-e", "data:/srv/data", "--build-tree", "."]
NAMES = [
    "a-b",
    "a/b",
    "a.b",
    "B",
    "Ünïcode",
    "U\u0308nicode",
    "not-utf8-\udcff",
    "with space",
    "x" * 120,
    "z/" + "y" * 180,
]


# What an image says of its time is the environment's, unless it is told.
IMAGE = ["--layers", "auto", "--tag", "hello:1", "--entrypoint", "/opt/hello/hello", "--created", "0"]
COMPRESSORS = ["none", "gzip"]


def make_inputs(home: Path, names: list[str]) -> Path:
    """A program with a library of its own, and a tree of names of every kind, made in the order of `names`."""
    made = library(home / "build" / "lib" / "libown.so")
    uses = HELLO.replace("int main", "int f(void); int main").replace("return 0", "return f()")
    cc(home / "build" / "hello", uses, made, "-Wl,-rpath,$ORIGIN/lib")
    for name in names:
        path = os.fsencode(home / "data" / name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(os.path.basename(path) + b"\n")
        os.chmod(path, 0o755 if name.startswith("a") else 0o664)
    (home / "data" / "link").symlink_to("a/b")
    return home


def listing(tar: Path) -> list[tuple[str, bytes, int, int, int, str, str]]:
    """What the archive says of each member, and the digest of its payload."""
    told = []
    with tarfile.open(tar) as archive:
        for member in archive:
            payload = archive.extractfile(member) if member.isreg() else None
            digest = hashlib.sha256(payload.read()).hexdigest() if payload else ""
            what = (member.name, member.type, member.mode, int(member.mtime), member.uid, member.linkname, digest)
            told.append(what)
    return told


def assert_same(one: Path, other: Path) -> None:
    """The listings first: they say more than two digests do."""
    assert listing(other) == listing(one)
    assert other.read_bytes() == one.read_bytes()


def image_outputs(home: Path) -> list[str | Path]:
    home.mkdir()
    return ["--oci", home / "image.oci", "--archive", home / "image.oci.tar"]


def assert_same_image(one: Path, other: Path) -> None:
    """What documents say first, then which blobs there are, bytes last."""

    def told(home: Path) -> list[dict[str, object]]:
        index = json.loads((home / "image.oci/index.json").read_bytes())
        manifest = json.loads(blob(home, index["manifests"][0]))
        return [index, manifest, json.loads(blob(home, manifest["config"]))]

    def blob(home: Path, descriptor: dict[str, str]) -> bytes:
        return (home / "image.oci/blobs" / descriptor["digest"].replace(":", "/")).read_bytes()

    assert told(other) == told(one)
    stored = [
        {path.name: path.read_bytes() for path in (home / "image.oci").rglob("*") if path.is_file()}
        for home in (one, other)
    ]
    assert stored[1].keys() == stored[0].keys()
    assert stored[1] == stored[0]
    assert (other / "image.oci.tar").read_bytes() == (one / "image.oci.tar").read_bytes()


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The inputs, and `reference.tar` made of them."""
    home = make_inputs(tmp_path_factory.mktemp("inputs"), NAMES)
    done([*TOOL, "-t", "reference.tar", *REQUEST], home)
    for how in COMPRESSORS:
        done([*TOOL, *image_outputs(home / how), *REQUEST, *IMAGE, "--compress", how], home)
    names = [name for name, *_ in listing(home / "reference.tar")]
    assert {"opt/hello/lib/libown.so", "bin/true", *(f"srv/data/{name}" for name in NAMES)} <= {*names}
    assert names == sorted(names, key=os.fsencode)
    return home


def has(*tools: str) -> bool:
    """Whether all of `tools` are here: a variation of the environment that is not is left out."""
    return all(shutil.which(tool) for tool in tools)


def variations() -> dict[str, tuple[list[str], dict[str, str]]]:
    """Name -> (what stands before the command, environment)."""
    found: dict[str, tuple[list[str], dict[str, str]]] = {
        "umask-077": (["sh", "-c", 'umask 077; exec "$@"', "sh"], {}),
        "umask-002": (["sh", "-c", 'umask 002; exec "$@"', "sh"], {}),
        "time-zone": ([], {"TZ": "Pacific/Kiritimati"}),
        "utf8-mode-off": ([], {"PYTHONUTF8": "0"}),
        "utf8-mode-on": ([], {"PYTHONUTF8": "1", "LC_ALL": "C"}),
        "ascii": ([], {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}),
        "source-date-epoch": ([], {"SOURCE_DATE_EPOCH": "1234567890"}),
        "library-path": ([], {"LD_LIBRARY_PATH": "/nowhere"}),
        "home": ([], {"HOME": "/nowhere"}),
        "no-address-randomization": (["setarch", "--addr-no-randomize"], {}),
    }
    found.update((f"hash-seed-{seed}", ([], {"PYTHONHASHSEED": seed})) for seed in ("0", "1", "random"))
    found.update(
        (f"locale-{name}", ([], {"LC_ALL": name})) for name in ("C", "C.UTF-8", "POSIX", "not_INSTALLED.UTF-8")
    )
    if has("setpriv") and os.geteuid() == 0:
        # Another user, but for the right to enter the directories of these tests.
        rights = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
        found["user"] = (["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *rights], {})
    if has("faketime"):
        found["date"] = (["faketime", "2038-01-20 04:05:06"], {})
    return found


VARIATIONS = variations()


@pytest.mark.parametrize(("before", "env"), VARIATIONS.values(), ids=VARIATIONS.keys())
def test_same_bytes_in_another_environment(
    before: list[str], env: dict[str, str], inputs: Path, tmp_path: Path
) -> None:
    done([*before, *TOOL, "-t", tmp_path / "image.tar", *REQUEST], inputs, clean_env(**env))
    assert_same(inputs / "reference.tar", tmp_path / "image.tar")


@pytest.mark.parametrize("how", COMPRESSORS)
@pytest.mark.parametrize(("before", "env"), VARIATIONS.values(), ids=VARIATIONS.keys())
def test_same_image_in_another_environment(
    before: list[str], env: dict[str, str], how: str, inputs: Path, tmp_path: Path
) -> None:
    tmp_path.chmod(0o755)
    outputs = image_outputs(tmp_path / how)
    (tmp_path / how).chmod(0o777)
    done([*before, *TOOL, *outputs, *REQUEST, *IMAGE, "--compress", how], inputs, clean_env(**env))
    assert_same_image(inputs / how, tmp_path / how)


def test_same_bytes_in_a_latin_1_locale(inputs: Path, tmp_path: Path) -> None:
    need("localedef")
    if not os.path.exists("/usr/share/i18n/charmaps/ISO-8859-1.gz"):
        pytest.skip("needs the package locales")
    done(["localedef", "-i", "de_DE", "-f", "ISO-8859-1", tmp_path / "de_DE.ISO-8859-1"])
    env = clean_env(LOCPATH=str(tmp_path), LC_ALL="de_DE.ISO-8859-1", PYTHONUTF8="0")
    asked = "import sys; print(sys.getfilesystemencoding())"
    assert done([PYTHON, "-c", asked], env=env) == "iso8859-1\n"
    done([*TOOL, "-t", tmp_path / "image.tar", *REQUEST], inputs, env)
    assert_same(inputs / "reference.tar", tmp_path / "image.tar")


def test_same_bytes_from_another_checkout_on_another_day(inputs: Path, tmp_path: Path) -> None:
    home = tmp_path / "elsewhere, deeper" / "checkout"
    shutil.copytree(inputs, home, symlinks=True, copy_function=shutil.copy)
    shutil.copytree(CHECKOUT / "ocidiet", home / "ocidiet", ignore=shutil.ignore_patterns("__pycache__"))
    for path in home.rglob("*"):
        os.utime(path, (time.time() - 1e8, time.time() - 1e8), follow_symlinks=False)
    tool = [PYTHON, "-S", str(home / "ocidiet" / "__main__.py")]
    done([*tool, "-t", tmp_path / "image.tar", *image_outputs(tmp_path / "none"), *REQUEST, *IMAGE], home)
    assert_same(inputs / "reference.tar", tmp_path / "image.tar")
    assert_same_image(inputs / "none", tmp_path / "none")


def test_same_bytes_from_files_made_in_another_order(inputs: Path, tmp_path: Path) -> None:
    home = make_inputs(tmp_path, NAMES[::-1])
    for name in ("hello", "lib/libown.so"):
        shutil.copy(inputs / "build" / name, home / "build" / name)
    done([*TOOL, "-t", "image.tar", *REQUEST], home)
    assert_same(inputs / "reference.tar", tmp_path / "image.tar")


def test_same_bytes_from_directories_that_are_read_in_another_order(inputs: Path, tmp_path: Path) -> None:
    need("disorderfs", root=True)
    if not os.path.exists("/dev/fuse"):
        pytest.skip("needs /dev/fuse")
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    options = ["--multi-user=yes", "--reverse-dirents=yes", "--sort-dirents=yes"]
    done(["disorderfs", "-q", *options, inputs, mounted])
    try:
        assert os.listdir(mounted / "data") == sorted(os.listdir(inputs / "data"))[::-1]
        done([*TOOL, "-t", tmp_path / "image.tar", *REQUEST], mounted)
    finally:
        done(["umount", mounted])
    assert_same(inputs / "reference.tar", tmp_path / "image.tar")


def test_same_bytes_of_the_depfile_in_another_environment(inputs: Path, tmp_path: Path) -> None:
    # Its words depend on the places of the tool and of the checkout, and on nothing else.
    texts = []
    for seed in ("0", "1"):
        out = ["-t", f"{tmp_path}/image.tar", "--depfile", f"{tmp_path}/image.d"]
        env = clean_env(PYTHONHASHSEED=seed, TZ=f"UTC{seed}", PYTHONUTF8=seed)
        done([*TOOL, *out, "-b", "build/hello:/hello", "-e", "data/a:/a"], inputs, env)
        texts.append((tmp_path / "image.d").read_bytes())
    assert texts[0] == texts[1]


# Every Python and every form of the tool ---------------------------------------------------------------


def pythons() -> dict[str, str]:
    """Version -> an interpreter of it: the one that runs the tests, the system's, and what else is found."""
    candidates = [sys.executable, "/usr/bin/python3"]
    for minor in (10, 11, 12, 13, 14):
        candidates += glob.glob(os.path.expanduser(f"~/.pyenv/versions/3.{minor}.*/bin/python3"))
        candidates += filter(None, [shutil.which(f"python3.{minor}", path="/usr/local/bin:/usr/bin")])
    found: dict[str, str] = {}
    for python in candidates:
        version = done([python, "-c", "import platform; print(platform.python_version())"]).strip()
        if int(version.split(".")[1]) >= 10:
            found.setdefault(version, python)
    return found


PYTHONS = pythons()
every_python = pytest.mark.parametrize("python", PYTHONS.values(), ids=PYTHONS.keys())


@pytest.fixture(scope="module")
def zipapp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tool as one file."""
    made = tmp_path_factory.mktemp("zipapp") / "ocidiet.pyz"
    done([PYTHON, "-m", "ocidiet.zipapp", "-o", made], CHECKOUT)
    return made


@every_python
def test_same_bytes_from_the_path(python: str, inputs: Path, tmp_path: Path) -> None:
    done([python, "-IS", MAIN, "-t", tmp_path / "image.tar", *REQUEST], inputs)
    assert_same(inputs / "reference.tar", tmp_path / "image.tar")


@every_python
def test_same_bytes_from_the_module(python: str, inputs: Path, tmp_path: Path) -> None:
    env = clean_env(PYTHONPATH=str(CHECKOUT))
    outputs = image_outputs(tmp_path / "none")
    done([python, "-m", "ocidiet", "-t", tmp_path / "image.tar", *outputs, *REQUEST, *IMAGE], inputs, env)
    assert_same(inputs / "reference.tar", tmp_path / "image.tar")
    assert_same_image(inputs / "none", tmp_path / "none")


@every_python
def test_same_bytes_from_the_one_file_form(python: str, zipapp: Path, inputs: Path, tmp_path: Path) -> None:
    done([python, zipapp, "-t", tmp_path / "image.tar", *REQUEST], inputs)
    assert_same(inputs / "reference.tar", tmp_path / "image.tar")


@every_python
def test_same_bytes_of_the_one_file_form(python: str, zipapp: Path, tmp_path: Path) -> None:
    done(["sh", "-c", 'umask 077; exec "$@"', "sh", python, "-m", "ocidiet.zipapp", "-o", tmp_path / "pyz"], CHECKOUT)
    assert (tmp_path / "pyz").read_bytes() == zipapp.read_bytes()


def test_same_bytes_from_the_console_script(inputs: Path, tmp_path: Path) -> None:
    need("git")
    copy = tmp_path / "copy"
    for name in done(["git", "ls-files", "-z", "--cached"], CHECKOUT).split("\0")[:-1]:
        if not name.startswith(("tests/", "examples/")):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CHECKOUT / name, copy / name)
    pip = [PYTHON, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    done([*pip, "wheel", "--no-build-isolation", "--no-deps", "--no-index", "-w", tmp_path, copy])
    done([PYTHON, "-m", "venv", "--without-pip", tmp_path / "venv"])
    script = tmp_path / "venv" / "bin" / "ocidiet"
    done([*pip, "--python", script.parent / "python", "install", "--no-deps", "--no-index", *tmp_path.glob("*.whl")])
    done([script, "-t", tmp_path / "image.tar", *REQUEST], inputs)
    assert_same(inputs / "reference.tar", tmp_path / "image.tar")
