"""How a depfile spells names, which it refuses, and the whole texts of both styles."""

from __future__ import annotations

from typing import Any

import pytest

from ocidiet.depfile import encode, relative, render
from ocidiet.errors.places import UnencodableName
from ocidiet.model import HostPath, Search
from ocidiet.model.image import Places, Request, Trace

CWD = "/home/me/my app"
CONTROL = "a control character"


def own_meaning(char: str) -> str:
    return f"'{char}' has a meaning of its own to Make or Ninja"


def asked(target: str, style: str, cwd: str) -> Request:
    here = HostPath(cwd)
    unused = (HostPath("o"), (), (), HostPath(""), Places(here), Search(here), 0, HostPath("d"))
    return Request(*unused, target, style, False, False)


def render_text(
    target: str = "out.tar",
    read: tuple[str, ...] = (),
    listed: tuple[str, ...] = (),
    absent: tuple[str, ...] = (),
    own: tuple[str, ...] = (),
    outputs: tuple[str, ...] = (),
    style: str = "gcc",
    cwd: str = CWD,
) -> str:
    request = asked(target, style, cwd)
    trace = Trace(*(tuple(map(HostPath, paths)) for paths in (read, listed, absent)))
    return render(target, trace, map(HostPath, own), request, outputs).decode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("/usr/lib/libc.so.6", "/usr/lib/libc.so.6"),
        ("/a b", "/a\\ b"),
        (" a", "\\ a"),
        ("a  b", "a\\ \\ b"),
        ("a#b", "a\\#b"),
        ("a$b", "a$$b"),
        ("$(shell x)y", "$$(shell\\ x)y"),
        ("a:b", "a\\:b"),
        ("a\\b", "a\\b"),
        ("a\\\\b", "a\\\\b"),
        ("a\\ b", "a\\\\\\ b"),
        ("a\\\\ b", "a\\\\\\\\\\ b"),
        ("a%b", "a%b"),
        ("a%", "a%"),
        ("a=b", "a=b"),
        ("=b", "./=b"),
        ("+=b", "./+=b"),
        ("!=b", "./!=b"),
        ("a(b", "a(b"),
        ("a(b)c", "a(b)c"),
        ("(a", "(a"),
        ("a~b", "a~b"),
        ("/~b", "/~b"),
        ("-x", "-x"),
        ("@x", "@x"),
        ("a,@!{}]+-", "a,@!{}]+-"),
        ("\u00e9", "\u00e9"),
        ("\udcff", "\udcff"),
    ],
)
def test_name_is_written(name: str, written: str) -> None:
    assert encode(name) == written


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "it is empty"),
        ("a ", "its last character is a space, ':' or '\\'"),
        ("a:", "its last character is a space, ':' or '\\'"),
        ("a\\", "its last character is a space, ':' or '\\'"),
        *((f"a{char}b", own_meaning(char)) for char in ";|&*?[<>^'\"`"),
        *((f"a{chr(code)}b", CONTROL) for code in (*range(1, 32), 127)),
    ],
    ids=ascii,
)
def test_name_is_refused_with_the_reason(name: str, why: str) -> None:
    with pytest.raises(UnencodableName) as caught:
        encode(name)
    assert caught.value.message.partition(": a depfile cannot carry this name: ")[2] == why
    assert caught.value.hint == "rename it, or leave out --depfile and let the build file name the inputs"


@pytest.mark.parametrize(
    "name",
    [
        *(f"a\\{char}b" for char in "#:%=$"),  # no spelling is common to both readers
        "doc (1)",
        "lib(m)",
        "b)",  # ends what the `(` of an earlier name began
        "~",
        "~root",
        "~/x",
        "./~root",  # Make takes the `./` away first
    ],
)
def test_name_is_refused_that_the_readers_take_for_another(name: str) -> None:
    with pytest.raises(UnencodableName):
        encode(name)


@pytest.mark.parametrize(
    ("path", "cwd", "spelled"),
    [
        ("/a/b/c", "/a/b", "c"),
        ("/a/b/c/d", "/a/b/", "c/d"),
        ("/a/b", "/a/b", "/a/b"),
        ("/a/bc", "/a/b", "/a/bc"),
        ("/a", "/a/b", "/a"),
        ("/usr/lib", "/", "usr/lib"),
        ("/", "/", "/"),
        ("/a/~x", "/a", "/a/~x"),
        ("/a/b~x", "/a", "b~x"),
    ],
)
def test_path_is_relative_below_the_working_directory(path: str, cwd: str, spelled: str) -> None:
    assert relative(path, cwd) == spelled


EVERYTHING: dict[str, Any] = {
    "read": (f"{CWD}/build/hello", "/usr/lib/libc.so.6", f"{CWD}/=first", f"{CWD}/100% a=b", "/opt/a=b/libx.so"),
    "listed": ("/", "/usr/lib", f"{CWD}/assets", CWD, "/srv/out"),
    "absent": (f"{CWD}/build/libz.so.1", f"{CWD}/a b/libz.so.1"),
    "own": ("/opt/ocidiet/ocidiet/cli.py",),
    "outputs": (CWD, "/srv/out"),
}

GCC = """\
out.tar: \\
  /opt/ocidiet/ocidiet/cli.py \\
  /usr/lib \\
  /usr/lib/libc.so.6 \\
  assets \\
  build/hello \\
  ./=first \\
  /opt/a=b/libx.so \\
  100%\\ a=b

/opt/ocidiet/ocidiet/cli.py:

/usr/lib:

/usr/lib/libc.so.6:

assets:

build/hello:
"""

MAKE = """\
out.tar: \\
  / \\
  /opt/ocidiet/ocidiet/cli.py \\
  /usr/lib \\
  /usr/lib/libc.so.6 \\
  assets \\
  build/hello \\
  ./=first \\
  /opt/a=b/libx.so \\
  100%\\ a=b \\
  $(if $(wildcard build/libz.so.1),FORCE) \\
  $(if $(wildcard a\\ b/libz.so.1),FORCE)

__ocidiet_new := $(filter-out $(__ocidiet_known), \\
  /opt/ocidiet/ocidiet/cli.py \\
  /usr/lib \\
  /usr/lib/libc.so.6)
__ocidiet_known += $(__ocidiet_new)
$(__ocidiet_new): ;

/:

assets:

build/hello:
"""


@pytest.mark.parametrize(("style", "text"), [("gcc", GCC), ("make", MAKE)], ids=["gcc", "make"])
def test_whole_text_of_a_style(style: str, text: str) -> None:
    assert render_text(**EVERYTHING, style=style) == text


@pytest.mark.parametrize("style", ["gcc", "make"])
def test_build_tree_outside_the_working_directory_has_no_empty_recipe(style: str) -> None:
    here, tree = HostPath("/elsewhere"), HostPath(CWD)
    request = Request(
        HostPath("o"),
        (),
        (),
        HostPath(""),
        Places(tree),
        Search(here),
        0,
        HostPath("d"),
        "o",
        style,
        False,
        False,
    )
    trace = Trace((HostPath(f"{CWD}/libx.so"),), (), ())
    assert render("o", trace, (), request, ()) == b"o: \\\n  /home/me/my\\ app/libx.so\n\n/home/me/my\\ app/libx.so:\n"


@pytest.mark.parametrize(("root", "settled"), [("/opt/sdk", True), (f"{CWD}/sdk", False), (CWD, False), ("", False)])
def test_file_of_a_sysroot_has_an_empty_recipe_where_no_makefile_makes_it(root: str, settled: bool) -> None:
    path = HostPath(f"{root or '/opt/other'}/lib/libx.so")
    asked = Request(
        HostPath("o"),
        (),
        (),
        HostPath(root),
        Places(HostPath(CWD)),
        Search(HostPath(CWD)),
        0,
        None,
        "o",
        "make",
        False,
        0,
    )
    text = render("o", Trace((path,), (), ()), (), asked, ()).decode()
    assert ("$(__ocidiet_new): ;" in text) is settled


def test_one_path_is_named_once_however_it_was_met() -> None:
    assert render_text(read=("/x", "/x"), listed=("/x",), own=("/x",)) == "out.tar: \\\n  /x\n\n/x:\n"


def test_bytes_that_are_no_text_survive() -> None:
    assert render_text(read=("/\udcff",)) == "out.tar: \\\n  /\udcff\n\n/\udcff:\n"


def test_equals_sign_in_every_prerequisite_is_refused() -> None:
    with pytest.raises(UnencodableName, match="'=' in a rule's first prerequisite"):
        render_text(read=("/a=b", "/c=d"))


@pytest.mark.parametrize("target", ["a=b.tar", "a%b.tar", "~/b.tar", "a;b.tar", "b.tar "])
def test_target_is_refused_that_the_readers_take_for_another(target: str) -> None:
    with pytest.raises(UnencodableName):
        render_text(target, read=("/x",))


@pytest.mark.parametrize("name", ["a(b", "a)b", "a\\b"])
def test_absent_name_is_refused_that_a_call_cannot_hold(name: str) -> None:
    assert render_text(absent=(f"{CWD}/{name}",), read=("/x",)) == "out.tar: \\\n  /x\n\n/x:\n"
    with pytest.raises(UnencodableName):
        render_text(absent=(f"{CWD}/{name}",), read=("/x",), style="make")


@pytest.mark.parametrize("name", ["a#b", "a$b", "a:b", "a\\b"])
def test_cmake_style_refuses_what_cmake_loses(name: str) -> None:
    assert render_text(read=(f"/{name}",)) != ""
    for given in ({"read": (f"/{name}",)}, {"listed": (f"/{name}",)}, {"target": name}):
        with pytest.raises(UnencodableName, match=r"CMake loses a name with '[#$:\\]' in it"):
            render_text(**{"read": ("/x",), **given}, style="cmake")  # type: ignore[arg-type]


def test_cmake_style_is_else_gcc_s_first_rule() -> None:
    texts = [
        render_text(read=("/a b", "/c%"), listed=("/", "/d"), absent=(f"{CWD}/e",), style=style)
        for style in ("gcc", "cmake")
    ]
    assert texts[0].partition("\n\n")[0] + "\n" == texts[1]


def test_working_directory_may_be_the_root() -> None:
    text = render_text(read=("/usr/bin/x",), listed=("/",), cwd="/", style="make")
    assert text == "out.tar: \\\n  / \\\n  usr/bin/x\n\n/:\n\nusr/bin/x:\n"
