"""The light named tuple keeps typing.NamedTuple's contract; properties of values."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any

import pytest

from ocidiet import model
from ocidiet.model import TYPE_CHECKING, File, Hop, HostPath, Identity, ImagePath, Object, Walk
from ocidiet.model.image import Entry, Reason

if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from ocidiet.model import NamedTuple


class Light(NamedTuple):
    """Two required fields and two with defaults."""

    a: int
    b: str
    c: tuple[int, ...] = ()
    d: Light | None = None

    @property
    def both(self) -> str:
        return f"{self.a}{self.b}"


class Typing(typing.NamedTuple):
    a: int
    b: str
    c: tuple[int, ...] = ()
    d: Any = None

    @property
    def both(self) -> str:
        return f"{self.a}{self.b}"


KINDS: list[Any] = [Light, Typing]


@pytest.mark.parametrize("kind", KINDS, ids=["light", "typing"])
@pytest.mark.parametrize(
    ("values", "named", "expected"),
    [
        ((1, "b"), {}, (1, "b", (), None)),
        ((1, "b", (2,)), {}, (1, "b", (2,), None)),
        ((1, "b", (2,), 3), {}, (1, "b", (2,), 3)),
        ((1,), {"b": "b"}, (1, "b", (), None)),
        ((), {"b": "b", "a": 1}, (1, "b", (), None)),
        ((1, "b"), {"d": 4}, (1, "b", (), 4)),
        ((), {"d": 4, "c": (3,), "b": "b", "a": 1}, (1, "b", (3,), 4)),
    ],
)
def test_value_is_made(kind: Any, values: tuple[Any, ...], named: dict[str, Any], expected: tuple[Any, ...]) -> None:
    made = kind(*values, **named)
    assert made == expected
    assert (made.a, made.b, made.c, made.d, made.both) == (*expected, "1b")
    assert (hash(made), tuple(made), len(made), made[0], made[1:2]) == (hash(expected), expected, 4, 1, ("b",))
    assert isinstance(made, tuple)
    assert made != kind(2, "b")


@pytest.mark.parametrize("kind", KINDS, ids=["light", "typing"])
@pytest.mark.parametrize(
    ("values", "named"),
    [
        ((), {}),
        ((1,), {}),
        ((1, "b", (), None, 5), {}),
        ((1, "b"), {"e": 5}),
        ((1, "b"), {"a": 1}),
        ((1, "b", (), None), {"a": 1}),
        ((1,), {"c": ()}),
    ],
)
def test_value_is_refused(kind: Any, values: tuple[Any, ...], named: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        kind(*values, **named)


@pytest.mark.parametrize("kind", KINDS, ids=["light", "typing"])
@pytest.mark.parametrize(
    "change",
    [
        lambda made: setattr(made, "a", 2),
        lambda made: setattr(made, "new", 2),
        lambda made: delattr(made, "a"),
    ],
    ids=["field", "new", "delete"],
)
def test_value_never_changes(kind: Any, change: Callable[[Any], None]) -> None:
    made = kind(1, "b")
    with pytest.raises(AttributeError):
        change(made)
    assert made == (1, "b", (), None)


def test_value_is_shown_as_typing_shows_it() -> None:
    light = Light(1, "b", (2,), Light(3, "c"))
    assert repr(light) == "Light(a=1, b='b', c=(2,), d=Light(a=3, b='c', c=(), d=None))"
    assert repr(light).replace("Light", "Typing") == repr(Typing(1, "b", (2,), Typing(3, "c")))


def test_class_tells_its_fields_and_text() -> None:
    assert (Light._fields, Light.__doc__) == (Typing._fields, "Two required fields and two with defaults.")
    assert not hasattr(Light(1, "b"), "__dict__")


def test_value_without_fields_is_empty() -> None:
    class Nothing(NamedTuple):
        pass

    assert (Nothing(), repr(Nothing())) == ((), "Nothing()")


@pytest.mark.parametrize(
    ("path", "directory", "answer"),
    [
        ("/a/b", "/a", True),
        ("/a", "/a", True),
        ("/ab", "/a", False),
        ("/", "/a", False),
        ("/a", "/", True),
        ("/a/b", "/a/", True),
        ("/a", None, False),
    ],
)
def test_path_is_below_a_directory(path: str, directory: str | None, answer: bool) -> None:
    assert model.below(path, directory) is answer


def test_real_end_of_a_walk_is_its_last_hop() -> None:
    hops = (Hop("/lib/libc.so", "libc.so.6"), Hop("/usr/lib/libc.so.6", None))
    assert Walk("/lib/libc.so", hops, "file", "", None).real == "/usr/lib/libc.so.6"


@pytest.mark.parametrize(("typeflag", "size_bytes"), [("0", 7), ("2", 0), ("5", 0)])
def test_only_files_have_a_size(typeflag: str, size_bytes: int) -> None:
    source = File(HostPath("/f"), Identity(1, 2, 7, 3, 4), False) if typeflag == "0" else None
    assert Entry(ImagePath("f"), typeflag, 0o644, "", source, Reason("extra", ())).size_bytes == size_bytes


def test_every_kind_of_value_is_immutable_and_made_of_fields() -> None:
    kinds = [kind for kind in vars(model).values() if isinstance(kind, type) and issubclass(kind, tuple)]
    assert Object in kinds
    assert [kind for kind in kinds if kind.__slots__ != () or not isinstance(kind._fields, tuple)] == []  # type: ignore[attr-defined]
