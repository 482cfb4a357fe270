"""What cannot be put where it should: two files in one place, a name in a depfile."""

from __future__ import annotations

from ocidiet.errors import OcidietError, shown


class PlaceConflict(OcidietError):
    """Two different files for one place in the image."""

    def __init__(self, name: str, first: tuple[str, str], second: tuple[str, str]) -> None:
        super().__init__(
            f"/{shown(name)}: two different files for one place in the image",
            (f"{shown(path)}  ({why})" for path, why in (first, second)),
            "give one of them another place with SRC:DEST",
        )


class UnencodableName(OcidietError):
    """A name that a depfile cannot carry to both Make and Ninja."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(
            f"{shown(name)}: a depfile cannot carry this name: {why}",
            hint="rename it, or leave out --depfile and let the build file name the inputs",
        )
