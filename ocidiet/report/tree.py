"""Who needs what, where it was found, and by which rule: a `Closure` as a tree of text.

An object stands once, below the one whose request brought it in: that one's RPATH or RUNPATH found
it. Who else asked for it says `also`. No call goes deeper with the tree: a chain of any length prints.
"""

from __future__ import annotations

from ocidiet.errors import shown
from ocidiet.model import TYPE_CHECKING, NamedTuple, Object, Program, ReachedBy, Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ocidiet.model import Closure, ElfFacts, Lookup, Probe

    Spell = Callable[[str], str]

_MAX_WIDTH = 60

# By (e_machine, bits); a second name is that of the other byte order.
_MACHINES = {
    (62, 64): ("x86_64",),
    (62, 32): ("x32",),
    (3, 32): ("i386",),
    (183, 64): ("aarch64", "aarch64_be"),
    (40, 32): ("arm", "armeb"),
    (243, 64): ("riscv64",),
    (243, 32): ("riscv32",),
    (258, 64): ("loongarch64",),
    (21, 64): ("ppc64le", "ppc64"),
    (20, 32): ("ppcle", "ppc"),
    (22, 64): ("s390x", "s390x"),
    (8, 32): ("mipsel", "mips"),
    (8, 64): ("mips64el", "mips64"),
    (2, 32): ("sparc", "sparc"),
    (43, 64): ("sparc64", "sparc64"),
    (4, 32): ("m68k", "m68k"),
}
_RULES = {
    Rule.LD_SO_CACHE: "ld.so.cache",
    Rule.DEFAULT: "default directory",
    Rule.CONFIG: "read by the loader",
}
_REACHED_BY = {
    ReachedBy.PRELOAD: "preloaded",
    ReachedBy.FILTER: "filter",
    ReachedBy.AUDIT: "audit",
    ReachedBy.DLOPEN_NOTE: "dlopen note",
    ReachedBy.LIBGCC_S: "opened by glibc itself",
    ReachedBy.HWCAPS: "on better CPUs",
}


class Style(NamedTuple):
    """How a tree is drawn."""

    branch: str
    last: str
    bar: str
    bad: tuple[str, str]
    """What stands around something missing, to show it in colour."""
    dim: tuple[str, str]


PLAIN = Style("|-- ", "`-- ", "|   ", ("", ""), ("", ""))
LINES = Style("\u251c\u2500\u2500 ", "\u2514\u2500\u2500 ", "\u2502   ", ("", ""), ("", ""))


def coloured(style: Style) -> Style:
    """`style` for a terminal that knows colours."""
    return Style(style.branch, style.last, style.bar, ("\033[31m", "\033[0m"), ("\033[2m", "\033[0m"))


class _Node(NamedTuple):
    name: str
    path: str
    how: str
    bad: bool
    notes: tuple[str, ...]
    """Lines of their own below it."""
    below: list[_Node]


def machine(facts: ElfFacts) -> str:
    """The machine's name, as `uname -m` there says; "" for a script."""
    if not facts.bits:
        return ""
    names = _MACHINES.get((facts.machine, facts.bits), (f"machine {facts.machine}",))
    return names[0 if facts.little_endian else -1]


def libc(program: Program) -> str:
    """Whose loader starts `program`: `glibc`, `musl`, `uclibc`; or `static`, or "" if that cannot be told."""
    interp = program.main.facts.interp or (program.interp.name if program.interp else "")
    for part, name in (("/ld-musl-", "musl"), ("uClibc", "uclibc"), ("/ld-linux", "glibc"), ("/ld", "glibc")):
        if part in interp:
            return name
    return "" if interp or program.main.facts.needed or not program.main.facts.bits else "static"


def tree(closure: Closure, spell: Spell, style: Style = PLAIN, probes: bool = False) -> str:
    """All programs of `closure`; `spell` says how a path of the root is written. With `probes` each
    object has the places that were tried for it."""
    tops: list[_Node] = []
    pending = [(program, tops) for program in closure.programs]
    for program, beside in pending:  # which grows meanwhile
        node = _program(program, spell, probes)
        beside.append(node)
        pending += [(run, node.below) for run in program.runs]
    return "".join(f"{line}\n" for line in _drawn(tops, style))


def _program(program: Program, spell: Spell, probes: bool) -> _Node:
    main, interp = program.main, program.interp
    kind = ", ".join(filter(None, (machine(main.facts), libc(program)))) or "script"
    name = f"{shown(main.name)}  [{kind}]"
    top = _Node(name, "", "", False, (), [])
    if main.rule != Rule.PROGRAM:
        top = _Node(name, _path(main, spell), _how(main, spell), False, _tried(main.tried, spell, probes), [])
    below = {id(main): top.below}
    first = program.asked_first()

    def add(found: Object, by: Object | None) -> None:
        tried = _tried(found.tried, spell, probes)
        node = _Node(shown(found.name), _path(found, spell), _how(found, spell, by), False, tried, [])
        below[id(found)] = node.below
        below.get(id(by), top.below).append(node)

    for found in program.objects:
        add(found, first.get(id(found)))
    for lookup in program.missing:
        below.get(id(lookup.needed_by), top.below).append(_missing(lookup, spell))
    also: dict[int, dict[str, None]] = {}
    for by, name, found in program.edges:
        if first.get(id(found)) is not by and found is not interp:  # which glibc's own libraries name too
            also.setdefault(id(by), {})[shown(name)] = None
    for key, names in also.items():
        below.get(key, top.below).append(_Node(f"also {', '.join(names)}", "", "", False, (), []))
    for config in program.configs:
        path = spell("/" + config.walk.spelled)
        top.below.append(_Node(shown(path), "", _RULES[Rule.CONFIG], False, (), []))
    if interp is not None:
        add(interp, main)
    top.below.extend(_level(level, program, spell, probes) for level in program.levels)
    return top


def _level(level: Program, base: Program, spell: Spell, probes: bool) -> _Node:
    """What a better CPU's loader opens that the baseline's does not."""
    known = {found.path for found in base.objects}
    first = level.asked_first()
    node = _Node(f"on CPUs of level {shown(level.level)}", "", "", False, (), [])
    for found in level.objects:
        if found.path not in known:
            tried = _tried(found.tried, spell, probes)
            node.below.append(
                _Node(
                    shown(found.name), _path(found, spell), _how(found, spell, first.get(id(found))), False, tried, []
                )
            )
    lacking = {lookup.name for lookup in base.missing}
    node.below.extend(_missing(lookup, spell) for lookup in level.missing if lookup.name not in lacking)
    return node


def _missing(lookup: Lookup, spell: Spell) -> _Node:
    return _Node(shown(lookup.name), "", "not found", True, _tried(lookup.probes, spell), [])


def _path(found: Object, spell: Spell) -> str:
    path = spell("/" + found.walk.spelled)
    return "" if path == found.name else shown(path)


def _how(found: Object, spell: Spell, by: Object | None = None) -> str:
    words = [_RULES.get(found.rule, found.rule)]
    if found.item and found.rule != Rule.ABSOLUTE:
        words.append(shown(found.item))
        owner = found.owner
        if owner is not None and owner is not by and found.rule != Rule.LIBRARY_PATH:
            words.append(f"of {shown(owner.name if owner.rule == Rule.PROGRAM else spell(owner.path))}")
    reached_by = _REACHED_BY.get(found.reached_by)
    return " ".join(words) + (f", {reached_by}" if reached_by else "")


def _tried(probes: Iterable[Probe], spell: Spell, wanted: bool = True) -> tuple[str, ...]:
    rows = [(probe.rule, shown(spell(probe.path)), probe.outcome) for probe in probes] if wanted else []
    widths = [min(max(map(len, column)), _MAX_WIDTH) for column in zip(*rows, strict=True)]
    return tuple([f"{rule:<{widths[0]}}  {path:<{widths[1]}}  {outcome}" for rule, path, outcome in rows])


def _drawn(tops: list[_Node], style: Style) -> Iterator[str]:
    rows = list(_rows(tops, style))
    columns = [(len(lead + node.name), len(node.path)) for lead, node, _ in rows if node.how]
    names, paths = [min(max(column), _MAX_WIDTH) for column in zip(*columns, strict=True)] or (0, 0)
    for lead, node, after in rows:
        how, line = node.how, f"{lead}{node.name}"
        if how:
            tint = style.bad if node.bad else style.dim
            line = f"{line:<{names}}  {node.path:<{paths}}  {tint[0]}{how}{tint[1]}"
        yield line
        for note in node.notes:
            yield f"{after}{style.dim[0]}{note}{style.dim[1]}"


def _rows(tops: list[_Node], style: Style) -> Iterator[tuple[str, _Node, str]]:
    """Each node with what stands before it, and before the lines that follow it."""
    pending = [("", "", node) for node in reversed(tops)]
    while pending:
        lead, before, node = pending.pop()
        yield lead, node, before + (style.bar if node.below else "    ")
        under = [(before + style.branch, before + style.bar, inner) for inner in node.below[:-1]]
        under += [(before + style.last, before + "    ", inner) for inner in node.below[-1:]]
        pending += reversed(under)
