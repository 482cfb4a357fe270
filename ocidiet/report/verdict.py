"""Verdicts on finished images: as text, and as JSON (docs/verbs.md is its law)."""

from __future__ import annotations

from ocidiet.errors import shown
from ocidiet.model import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocidiet.model.verdict import Verdict

VERSION = 1
"""Of the JSON. New fields do not change it."""


def text(name: str, verdict: Verdict) -> str:
    """A line for a good image; for another one more for each defect, and a hint behind those that it helps."""
    if not verdict.defects:
        parts = ["ok", _count(verdict.programs, "program", "programs")]
        parts += [_count(verdict.libraries, "library", "libraries"), *verdict.platforms, *verdict.libcs]
        return f"{shown(name)}: {', '.join(parts)}\n"
    lines = [f"{shown(name)}: {_count(len(verdict.defects), 'defect', 'defects')}"]
    hints = [defect.remedy for defect in verdict.defects[1:]] + [""]
    for defect, following in zip(verdict.defects, hints, strict=True):
        lines.append(f"  {shown(defect.name)}: {defect.reason}" if defect.name else f"  {defect.reason}")
        if defect.remedy and defect.remedy != following:
            lines.append(f"    hint: {defect.remedy}")
    return "\n".join(lines) + "\n"


def render(verdicts: Sequence[tuple[str, Verdict]]) -> str:
    """All of them as JSON, in ASCII."""
    import json

    images = [
        {
            "image": name,
            "ok": not verdict.defects,
            "programs": verdict.programs,
            "libraries": verdict.libraries,
            "platforms": verdict.platforms,
            "libcs": verdict.libcs,
            "defects": [
                {"file": one.name, "kind": one.kind, "reason": one.reason, "remedy": one.remedy}
                for one in verdict.defects
            ],
            "notices": [{"text": notice.text, "warning": notice.warning} for notice in verdict.notices],
        }
        for name, verdict in verdicts
    ]
    return json.dumps({"version": VERSION, "images": images}, indent=1) + "\n"


def _count(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"
