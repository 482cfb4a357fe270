"""What few ELF files say: a usual run does not import this page."""

from __future__ import annotations

from ocidiet.system import NamedTuple


class Dlopen(NamedTuple):
    """One object of a dlopen note."""

    sonames: tuple[str, ...]
    """Alternatives, the preferred one first."""
    priority: str
    feature: str


class Filter(NamedTuple):
    """A DT_AUXILIARY or DT_FILTER entry: a library that stands before the object itself."""

    name: str
    required: bool
    """DT_FILTER: its absence is fatal."""
    position: int
    """How many NEEDED entries stand before it."""
