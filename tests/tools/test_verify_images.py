"""`ocidiet verify`: thirty defects, each found and none in its good twin; images that real tools made."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import HELLO, Engine, cc, done, library, need, ocidiet

LOADER = "/lib64/ld-linux-x86-64.so.2"
BUSYBOX = Path("/bin/busybox")


class Tree:
    """A small root file system that starts, to be damaged: a program, its libraries and a script."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.extra: list[tarfile.TarInfo] = []

    def path(self, name: str) -> Path:
        return self.top / name

    def put(self, name: str, text: str, mode: int = 0o755) -> Path:
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def link(self, name: str, target: str) -> Path:
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)
        return path

    def entry(self, name: str, typeflag: bytes = tarfile.REGTYPE, linkname: str = "") -> tarfile.TarInfo:
        """One more member behind those of the tree."""
        member = tarfile.TarInfo(name)
        member.type, member.linkname = typeflag, linkname
        self.extra.append(member)
        return member

    def tar(self, path: Path) -> Path:
        with tarfile.open(path, "w") as archive:
            archive.add(self.top, ".")
            for member in self.extra:
                archive.addfile(member)
        return path


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What all seeds are sown into. `libmine` has versions, `libplain` none."""
    if os.uname().machine != "x86_64":
        pytest.skip("builds for x86-64")
    top = tmp_path_factory.mktemp("good")
    root, work = top / "root", top / "work"
    (root / "usr/lib/private").mkdir(parents=True)
    for name in ("lib", "lib64", "bin", "sbin"):
        (root / "usr" / name).mkdir(exist_ok=True)
        (root / name).symlink_to(f"usr/{name}")
    mine = versioned(root / "usr/lib/libmine.so.1", "MINE_1.9", "MINE_1.10")
    plain = library(root / "usr/lib/libplain.so", "int plain(void) { return 0; }\n")
    calls = "int mine(void); int plain(void); int main(void) { return mine() + plain(); }"
    cc(root / "usr/bin/app", calls, mine, plain)
    library(root / "usr/lib/private/plugin.so", "int mine(void); int p(void) { return mine(); }", mine)
    shutil.copy(BUSYBOX, root / "usr/bin/busybox")
    for name in ("sh", "env", "cat"):
        (root / "usr/bin" / name).symlink_to("busybox")
    copied(root, "libc.so.6")
    shutil.copy(LOADER, root / "usr/lib64/ld-linux-x86-64.so.2")
    cc(work / "unused", HELLO)
    return root


def copied(root: Path, soname: str) -> None:
    found = next(line.split()[2] for line in done(["ldd", "/bin/ls"]).splitlines() if soname in line)
    shutil.copy(found, root / "usr/lib" / soname)


def versioned(path: Path, *versions: str, symbol: str = "mine") -> Path:
    """A library that provides versions, the last one for its symbol."""
    script = path.parent / "versions"
    script.write_text(
        "".join(
            f"{name} {{ {f'global: {symbol}; local: *;' if name == versions[-1] else ''} }};\n" for name in versions
        )
    )
    library(path, f"int {symbol}(void) {{ return 0; }}\n", f"-Wl,--version-script={script}")
    script.unlink()
    return path


def older(tree: Tree) -> Path:
    return versioned(tree.path("usr/lib/libmine.so.1"), "MINE_1.9")


def renamed(tree: Tree) -> None:
    versioned(tree.path("usr/lib/libmine.so.1"), "OTHER_2")


def patched(name: str, at: int, byte: int) -> Callable[[Tree], None]:
    def damage(tree: Tree) -> None:
        data = bytearray(tree.path(name).read_bytes())
        data[at] = byte
        tree.path(name).write_bytes(data)

    return damage


def cut(tree: Tree) -> None:
    data = tree.path("usr/lib/libmine.so.1").read_bytes()
    tree.path("usr/lib/libmine.so.1").write_bytes(data[:200])


def gone(*names: str) -> Callable[[Tree], None]:
    def remove(tree: Tree) -> None:
        for name in names:
            tree.path(name).unlink()

    return remove


def moved(name: str, to: str) -> Callable[[Tree], None]:
    def move(tree: Tree) -> None:
        tree.path(to).parent.mkdir(parents=True, exist_ok=True)
        tree.path(name).rename(tree.path(to))

    return move


def split(name: str) -> Callable[[Tree], None]:
    """A directory in the place of the link to the merged one, as a careless tar leaves it."""

    def damage(tree: Tree) -> None:
        tree.path(name).unlink()
        tree.put(f"{name}/note", "x")

    return damage


def plugin(needs: str) -> Callable[[Tree], None]:
    def add(tree: Tree) -> None:
        tree.put("usr/lib/private/keep", "")
        other = library(tree.path(f"tmp-{needs}/{needs}"), "int q(void) { return 0; }\n")
        library(tree.path("usr/lib/private/two.so"), "int q(void); int r(void) { return q(); }", other)
        shutil.rmtree(other.parent)

    return add


def with_private_library(tree: Tree) -> None:
    plugin("libhost.so")(tree)
    library(tree.path("opt/host/libhost.so"), "int q(void) { return 0; }\n")


# What is done to the tree; what is found (file, kind, part of the reason); what is done to a good twin.
Seed = tuple[str, Callable[[Tree], object], tuple[str, str, str], Callable[[Tree], object]]


def nothing(_: Tree) -> None:
    pass


APP = "usr/bin/app"
SEEDS: list[Seed] = [
    ("the loader is absent", gone(f"usr{LOADER}"), (APP, "interpreter", f"{LOADER} is absent"), nothing),
    ("the loader's literal path is lost", split("lib64"), (APP, "interpreter", f"(but /usr{LOADER} is)"), nothing),
    ("the loader is a link to nowhere",
     lambda t: (gone("usr/lib64/ld-linux-x86-64.so.2")(t), t.link("usr/lib64/ld-linux-x86-64.so.2", "../lib/ld.so")),
     (APP, "interpreter", "is absent"),
     lambda t: (moved("usr/lib64/ld-linux-x86-64.so.2", "usr/lib/ld.so")(t),
                t.link("usr/lib64/ld-linux-x86-64.so.2", "../lib/ld.so"))),
    ("the loader is text", lambda t: t.put("usr/lib64/ld-linux-x86-64.so.2", "text"),
     (APP, "interpreter", "not an ELF file"), nothing),
    ("libc is absent", gone("usr/lib/libc.so.6"), (APP, "library", "needs libc.so.6, which is not found"), nothing),
    ("a library is absent", gone("usr/lib/libmine.so.1"), (APP, "library", "needs libmine.so.1, which is not found"),
     nothing),
    ("a library lies where no loader looks", moved("usr/lib/libmine.so.1", "opt/lib/libmine.so.1"),
     (APP, "library", "(/opt/lib/libmine.so.1 is where its loader does not look)"),
     lambda t: (moved("usr/lib/libmine.so.1", "opt/lib/libmine.so.1")(t),
                t.link("usr/lib/libmine.so.1", "/opt/lib/libmine.so.1"))),
    ("a library is a link to nowhere",
     lambda t: (gone("usr/lib/libmine.so.1")(t), t.link("usr/lib/libmine.so.1", "libmine.so.1.2")),
     (APP, "library", "needs libmine.so.1"),
     lambda t: (moved("usr/lib/libmine.so.1", "usr/lib/libmine.so.1.2")(t),
                t.link("usr/lib/libmine.so.1", "libmine.so.1.2"))),
    ("a library is of another machine", patched("usr/lib/libmine.so.1", 18, 183),
     (APP, "library", "for another machine"),
     lambda t: (shutil.copytree(t.path("usr/lib"), t.path("usr/lib/arm")),
                patched("usr/lib/arm/libmine.so.1", 18, 183)(t))),
    ("a library is cut off", cut, ("usr/lib/libmine.so.1", "elf", "outside the file"), nothing),
    ("a program is damaged", patched(APP, 5, 9), (APP, "elf", "unknown byte order 9"), nothing),
    ("an unused library's library is absent", plugin("libgone.so"),
     ("usr/lib/private/two.so", "library", "needs libgone.so"), with_private_library),
    ("an unused library's version is absent",
     lambda t: (gone(APP)(t), older(t)), ("usr/lib/private/plugin.so", "version", "needs MINE_1.10"), gone(APP)),
    ("a version is absent", older, (APP, "version",
     "needs MINE_1.10, /lib/libmine.so.1 provides up to MINE_1.9 (symbol mine)"),
     lambda t: versioned(t.path("usr/lib/libmine.so.1"), "MINE_1.9", "MINE_1.10", "MINE_1.11")),
    ("no version of that family is there", renamed, (APP, "version", "provides none of its kind (symbol mine)"),
     lambda t: library(t.path("usr/lib/libmine.so.1"), "int mine(void) { return 0; }\n")),
    ("a script's interpreter is absent", lambda t: t.put("usr/bin/s", "#!/usr/bin/perl\n"),
     ("usr/bin/s", "script", "starts /usr/bin/perl, which is absent"), lambda t: t.put("usr/bin/s", "#!/bin/sh\n")),
    ("what env starts is absent", lambda t: t.put("usr/bin/s", "#!/usr/bin/env perl\n"),
     ("usr/bin/s", "script", "starts perl, which is nowhere on PATH"),
     lambda t: t.put("usr/bin/s", "#!/usr/bin/env sh\n")),
    ("a script's interpreter is not executable",
     lambda t: (t.put("opt/i", "#!/bin/sh\n", 0o644), t.put("usr/bin/s", "#!/opt/i\n")),
     ("usr/bin/s", "script", "starts /opt/i, which is not executable"),
     lambda t: (t.put("opt/i", "#!/bin/sh\n"), t.put("usr/bin/s", "#!/opt/i\n"))),
    ("a script's interpreter is text", lambda t: (t.put("opt/i", "text"), t.put("usr/bin/s", "#!/opt/i\n")),
     ("usr/bin/s", "script", "not an ELF file"), lambda t: t.put("usr/bin/s", "#!/opt/i\n", 0o644)),
    ("a link leads nowhere", lambda t: t.link("etc/config", "../opt/config"),
     ("etc/config", "link", "leads to /opt/config, which is absent"), lambda t: t.link("etc/config", "/run/config")),
    ("a link leads to itself", lambda t: t.link("etc/loop", "loop"), ("etc/loop", "link", "leads to itself"),
     lambda t: t.link("etc/mtab", "../proc/self/mounts")),
    ("a link to a directory leads nowhere", lambda t: t.link("opt/tool", "tool-2"),
     ("opt/tool", "link", "leads to /opt/tool-2"),
     lambda t: (t.put("opt/tool-2/f", ""), t.link("opt/tool", "tool-2"))),
    ("an entry is absolute", lambda t: t.entry("/etc/passwd"), ("etc/passwd", "entry", "an absolute name"),
     lambda t: t.entry("etc/passwd")),
    ("an entry climbs", lambda t: t.entry("../evil"), ("../evil", "entry", "'..' in its name"),
     lambda t: t.entry("..evil")),
    ("an entry leaves through a link", lambda t: (t.entry("up", tarfile.SYMTYPE, "../.."), t.entry("up/evil")),
     ("up/evil", "entry", "through a link that leaves the root"),
     lambda t: (t.entry("up", tarfile.SYMTYPE, "usr/.."), t.entry("up/fine"))),
    ("an entry is there twice", lambda t: (t.entry("etc/a"), t.entry("etc/a")), ("etc/a", "entry", "there twice"),
     lambda t: (t.entry("etc", tarfile.DIRTYPE), t.entry("etc", tarfile.DIRTYPE))),
    ("a hard link has no file", lambda t: t.entry("etc/a", tarfile.LNKTYPE, "etc/b"),
     ("etc/a", "entry", "a hard link to etc/b, which is not there before it"),
     lambda t: (t.entry("etc/b"), t.entry("etc/a", tarfile.LNKTYPE, "etc/b"))),
    ("a directory hides the merged one", lambda t: t.entry("lib", tarfile.DIRTYPE),
     ("lib", "entry", "a directory in the place of the link to usr/lib, where libc.so.6, libmine.so.1"),
     lambda t: t.entry("usr/lib", tarfile.DIRTYPE)),
    ("a device lies about", lambda t: t.entry("opt/null", tarfile.CHRTYPE),
     ("opt/null", "entry", "a device outside /dev"),
     lambda t: t.entry("dev/null", tarfile.CHRTYPE)),
    ("a layer is taken for an image", lambda t: t.entry("etc/.wh.hosts"), ("etc/.wh.hosts", "entry", "a whiteout"),
     lambda t: t.entry("etc/wh.hosts")),
]  # fmt: skip


Found = list[tuple[str, str, str]]


def found(*images: Path | str) -> list[Found]:
    """What is told of each image, from `--json`: file, kind, reason."""
    ended = ocidiet("verify", "--json", *images)
    told = json.loads(ended.stdout)
    assert (told["version"], ended.stderr) == (1, "")
    assert ended.returncode == (0 if all(one["ok"] for one in told["images"]) else 1)
    return [[(row["file"], row["kind"], row["reason"]) for row in one["defects"]] for one in told["images"]]


def test_there_are_thirty_seeds() -> None:
    assert len(SEEDS) == 30


@pytest.mark.parametrize(("seed", "defect", "twin"), [row[1:] for row in SEEDS], ids=[row[0] for row in SEEDS])
def test_verify_finds_a_seeded_defect_and_passes_its_twin(
    good: Path,
    tmp_path: Path,
    seed: Callable[[Tree], object],
    defect: tuple[str, str, str],
    twin: Callable[[Tree], object],
) -> None:
    need("busybox")
    tars = []
    for name, change in (("bad", seed), ("good", twin)):
        tree = Tree(shutil.copytree(good, tmp_path / name, symlinks=True))
        change(tree)
        tars.append(tree.tar(tmp_path / f"{name}.tar"))
    bad, fine = found(*tars)
    assert [row for row in bad if row[:2] == defect[:2] and defect[2] in row[2]] != [], bad
    assert fine == []


def test_a_good_image_is_told_in_one_line(good: Path) -> None:
    ended = ocidiet("verify", good)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"{good}: ok, 2 programs, 5 libraries, linux/amd64, glibc 2.")


def test_stacked_tars_are_layers_of_one_image(good: Path, tmp_path: Path) -> None:
    mine = "./usr/lib/libmine.so.1"
    done(["tar", "-C", good, f"--exclude={mine}", "-cf", tmp_path / "low.tar", "."])
    done(["tar", "-C", good, "-cf", tmp_path / "mine.tar", mine])
    (tmp_path / "usr/lib").mkdir(parents=True)
    (tmp_path / "usr/lib/.wh.libmine.so.1").touch()
    done(["tar", "-C", tmp_path, "-cf", tmp_path / "gone.tar", "usr"])

    def told(*names: str) -> list[str]:
        return ocidiet("verify", "--stacked", *names, cwd=tmp_path).stdout.splitlines()

    whole = told("low.tar", "mine.tar")
    assert [line.partition(", linux")[0] for line in whole] == ["low.tar + mine.tar: ok, 2 programs, 5 libraries"]
    without = [line.replace("low.tar:", "low.tar + mine.tar + gone.tar:") for line in told("low.tar")]
    assert "usr/bin/app: needs libmine.so.1" in without[1]
    assert told("low.tar", "mine.tar", "gone.tar") == without
    assert told("low.tar", "usr") == [
        "low.tar + usr: 1 defect",
        f"  {tmp_path}/usr: a directory, where a layer is a tar",
    ]
    assert told("low.tar", "none")[1] == f"  {tmp_path}/none: no such file"


def test_a_report_leaves_only_defects_to_be_printed(good: Path, tmp_path: Path) -> None:
    ended = ocidiet("verify", "--report", "verdicts", good, "absent.tar", cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (1, "")
    assert ended.stdout.startswith("absent.tar: 1 defect\n")
    assert (tmp_path / "verdicts").read_text() == ocidiet("verify", "--json", good, "absent.tar", cwd=tmp_path).stdout


def test_defects_are_told_with_their_hints(good: Path, tmp_path: Path) -> None:
    tree = Tree(shutil.copytree(good, tmp_path / "root", symlinks=True))
    older(tree)
    tree.link("etc/a", "b")
    tree.link("etc/c", "d")
    ended = ocidiet("verify", "root", "absent.tar", cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (1, "")
    assert ended.stdout == (
        "root: 4 defects\n"
        "  etc/a: leads to /etc/b, which is absent\n"
        "  etc/c: leads to /etc/d, which is absent\n"
        "    hint: put that into the image, or remove it\n"
        "  usr/bin/app: needs MINE_1.10, /lib/libmine.so.1 provides up to MINE_1.9 (symbol mine)\n"
        "  usr/lib/private/plugin.so: needs MINE_1.10, /lib/libmine.so.1 provides up to MINE_1.9 (symbol mine)\n"
        "    hint: take libmine.so.1 from where it was linked, or link it here\n"
        "absent.tar: 1 defect\n"
        "  no such file\n"
    )


def test_a_weak_version_may_be_absent(good: Path, tmp_path: Path) -> None:
    tree = Tree(shutil.copytree(good, tmp_path / "root", symlinks=True))
    mine = tree.path("usr/lib/libmine.so.1")
    cc(tree.path(APP), "__attribute__((weak)) int mine(void); int main(void) { return mine != 0; }", mine)
    gone("usr/lib/private/plugin.so")(tree)
    older(tree)
    assert found(tree.top) == [[]]
    real = done(
        [tree.path("usr/lib64/ld-linux-x86-64.so.2"), "--library-path", mine.parent, "--verify", tree.path(APP)]
    )
    assert real == ""


def test_packing_refuses_what_the_image_s_libraries_do_not_provide(good: Path, tmp_path: Path) -> None:
    tree = Tree(shutil.copytree(good, tmp_path / "root", symlinks=True))
    older(tree)
    ended = ocidiet("-t", "i.tar", "--root", tree.top, "-b", "=/usr/bin/app", cwd=tmp_path)
    assert (ended.returncode, ended.stdout, (tmp_path / "i.tar").exists()) == (1, "", False)
    assert ended.stderr == (
        "ocidiet: error: /usr/bin/app: 1 symbol version not provided inside the image\n"
        "  /usr/bin/app needs MINE_1.10, /usr/lib/libmine.so.1 provides up to MINE_1.9 (symbol mine)\n"
        "  hint: it was linked against a newer library than the image has: take both from one root\n"
    )


# Other tools' images -------------------------------------------------------------------------------


def built(engine: Engine, tmp_path: Path) -> None:
    """An image of busybox, with one script that does not start."""
    need("busybox", "tar")
    root = tmp_path / "root"
    for name in ("bin", "opt/old"):
        (root / name).mkdir(parents=True)
    shutil.copy(BUSYBOX, root / "bin/busybox")
    (root / "bin/sh").symlink_to("busybox")
    (root / "opt/old/s").write_text("#!/absent\n")
    (root / "opt/old/s").chmod(0o755)
    done(["tar", "-C", root, "-cf", tmp_path / "base.tar", "."])
    engine("import", tmp_path / "base.tar", "localhost/verify-base:1")


@pytest.mark.parametrize("form", ["oci-archive", "docker-archive", "oci-dir"])
def test_podman_s_images_are_read(podman: Engine, tmp_path: Path, form: str) -> None:
    built(podman, tmp_path)
    podman("save", "--format", form, "-o", tmp_path / "image", "localhost/verify-base:1")
    assert found(tmp_path / "image") == [[("opt/old/s", "script", "starts /absent, which is absent")]]


def test_docker_s_images_are_read(docker: Engine, tmp_path: Path) -> None:
    built(docker, tmp_path)
    docker("save", "-o", tmp_path / "image", "localhost/verify-base:1")
    assert found(tmp_path / "image") == [[("opt/old/s", "script", "starts /absent, which is absent")]]


def test_docker_s_whiteouts_are_honoured(docker: Engine, tmp_path: Path) -> None:
    built(docker, tmp_path)
    name = docker("create", "--entrypoint", "/bin/sh", *docker.run_options, "localhost/verify-base:1", "-c", "true")
    done([*docker.argv, "start", "-a", name.strip()], env=docker.env)
    docker("commit", name.strip(), "localhost/verify-same:1")
    other = docker(
        "create", "--entrypoint", "/bin/busybox", *docker.run_options, "localhost/verify-base:1", "rm", "-r", "/opt/old"
    )
    done([*docker.argv, "start", "-a", other.strip()], env=docker.env)
    docker("commit", other.strip(), "localhost/verify-less:1")
    docker("save", "-o", tmp_path / "same", "localhost/verify-same:1")
    docker("save", "-o", tmp_path / "less", "localhost/verify-less:1")
    assert found(tmp_path / "same", tmp_path / "less") == [
        [("opt/old/s", "script", "starts /absent, which is absent")],
        [],
    ]


def test_skopeo_s_layouts_are_read_and_their_damage_is_told(podman: Engine, tmp_path: Path) -> None:
    need("skopeo")
    built(podman, tmp_path)
    podman("save", "--format", "docker-archive", "-o", tmp_path / "image", "localhost/verify-base:1")
    done(["skopeo", "copy", "-q", "--insecure-policy", f"docker-archive:{tmp_path}/image", f"oci:{tmp_path}/layout:x"])
    expected = [("opt/old/s", "script", "starts /absent, which is absent")]
    assert found(tmp_path / "layout") == [expected]
    blobs = sorted((tmp_path / "layout/blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
    config = next(path for path in blobs if b'"rootfs"' in path.read_bytes()[:4096])
    config.write_bytes(config.read_bytes().replace(b'"linux"', b'"linuX"'))
    name = f"sha256:{config.name}"
    damage = [
        (name, "digest", "its bytes have another digest"),
        (name, "document", "architecture: is linuX/amd64, and its programs are for linux/amd64"),
    ]
    assert found(tmp_path / "layout") == [[*expected, *damage]]
    blobs[-1].unlink()
    told = found(tmp_path / "layout")
    assert [row[:2] for row in told[0]] == [("", "unreadable")]


def test_a_copied_set_of_ldd_s_is_found_wanting(tmp_path: Path) -> None:
    """The usual script: what ldd names is copied under the paths that it names."""
    need("ldd", "cp", "tar")
    private = library(tmp_path / "private/libonly.so", "int only(void) { return 0; }\n")
    cc(tmp_path / "app", "int only(void); int main(void) { return only(); }", private)
    root = tmp_path / "root"
    (root / "usr/bin").mkdir(parents=True)
    shutil.copy(tmp_path / "app", root / "usr/bin/app")
    names = done(["ldd", tmp_path / "app"], env={"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": str(private.parent)})
    for word in names.split():
        if word.startswith("/") and not word.startswith("/lib64"):
            target = root / os.path.realpath(word).lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(word, target)
    done(["tar", "-C", root, "-cf", tmp_path / "app.tar", "."])
    told = found(tmp_path / "app.tar")[0]
    assert [row[:2] for row in told] == [("usr/bin/app", "interpreter")]


def test_a_real_debian_is_whole(tmp_path: Path) -> None:
    need("mmdebstrap", root=True)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ocidiet-tests"
    kept = cache / "bookworm-minbase.tar"
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        done(["mmdebstrap", "--quiet", "--variant=minbase", "bookworm", tmp_path / "d.tar", *mirrors()])
        shutil.move(tmp_path / "d.tar", kept)
    ended = ocidiet("verify", kept)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"{kept}: ok, ")
    assert ended.stdout.endswith(" glibc 2.36\n")


def mirrors() -> list[str]:
    """Where this machine itself takes its packages from."""
    listed = done(["apt-get", "indextargets", "--format", "$(SITE)"]).split()
    return list(dict.fromkeys(listed))[:1]
