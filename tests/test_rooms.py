"""Which room may import which, what only some may do, and how long a room may be."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.support import CHECKOUT

PACKAGE = CHECKOUT / "ocidiet"
MAX_LINES = 330  # that are not blank

# The design's table.
MAY_IMPORT = {
    "__init__": "cli system",
    "__main__": "",
    "system": "",
    "errors": "model",
    "model": "system",
    "fs": "model errors system",
    "elf": "model errors system",
    "ldcache": "model errors system",
    "ldconf": "model errors",
    "search": "model errors ldconf ldcache fs system",
    "closure": "model errors fs elf search system",
    "extras": "model errors fs",
    "tree": "model errors fs search ldcache system",
    "verify": "model errors fs closure system",
    "tar": "model errors fs system",
    "oci": "model errors commit",
    "depfile": "model errors system",
    "unused_inputs": "model errors system",
    "report": "model errors system",
    "commit": "model errors system",
}
NOT_YET: set[str] = set()
# Programs of their own, which no room imports.
APART = {"zipapp"}
# A room is a module, or a folder of pages with the same face.
PAGES = sorted(path.relative_to(PACKAGE).with_suffix("").as_posix() for path in PACKAGE.rglob("*.py"))
PAGES = [page for page in PAGES if page not in APART]


def room_of(page: str) -> str:
    return page.partition("/")[0]


ROOMS = sorted(set(map(room_of, PAGES)))


def parsed(page: str) -> ast.Module:
    return ast.parse((PACKAGE / f"{page}.py").read_text())


def typing_only(tree: ast.Module) -> set[ast.AST]:
    """All below `if TYPE_CHECKING:`, which is not there at run time."""
    blocks = (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    )
    return {below for block in blocks for statement in block.body for below in ast.walk(statement)}


# What the package itself has for its rooms.
OF_ALL = ("RESOLVING", "__version__", "hasten", "run")


def imported(node: ast.AST) -> Iterator[str]:
    """The rooms that an import statement names; imports are absolute, as another test asks."""
    if isinstance(node, ast.Import):
        yield from (alias.name.removeprefix("ocidiet.") for alias in node.names if alias.name.startswith("ocidiet."))
    elif isinstance(node, ast.ImportFrom) and node.module == "ocidiet":
        yield from (alias.name for alias in node.names if alias.name not in OF_ALL)
    elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ocidiet."):
        yield (node.module or "").split(".")[1]


@pytest.mark.parametrize("page", PAGES)
def test_room_imports_only_what_the_design_allows(page: str) -> None:
    own = room_of(page)
    allowed = {*MAY_IMPORT, *NOT_YET, "cli"} if own == "cli" else {own, *MAY_IMPORT[own].split()}
    # Types too: a room that names another's class knows it.
    assert {name for node in ast.walk(parsed(page)) for name in imported(node)} - allowed == set()


def test_every_row_has_its_room() -> None:
    assert {*MAY_IMPORT, "cli"} - NOT_YET - set(ROOMS) == set()


def test_the_readme_s_table_is_this_one() -> None:
    rows = [
        line.strip("|").split("|") for line in (PACKAGE / "README.md").read_text().splitlines() if line[:3] == "| `"
    ]
    told = {
        name: row[-1].replace("\u2013", "").replace(",", " ").split()
        for row in rows
        for name in row[0].split("`")[1::2]
    }
    allowed = {name: rooms.split() for name, rooms in MAY_IMPORT.items() if name not in NOT_YET}
    assert told == {**allowed, "cli": ["all"], "zipapp": ["model", "errors", "commit"]}


def test_no_room_imports_a_program_of_its_own() -> None:
    assert {name for page in PAGES for node in ast.walk(parsed(page)) for name in imported(node)} & APART == set()


@pytest.mark.parametrize("page", PAGES)
def test_room_imports_by_absolute_name(page: str) -> None:
    assert [ast.unparse(n) for n in ast.walk(parsed(page)) if isinstance(n, ast.ImportFrom) and n.level] == []


def names_used(page: str) -> set[str]:
    """The names (`print`, `os.path.isdir`) that a room's code uses at run time."""
    tree = parsed(page)
    skipped = typing_only(tree)
    return {
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Name, ast.Attribute)) and node not in skipped
    }


PROCESS = {"print", "input", "exit", "quit", "sys", "time.time", "time.time_ns"}
PROCESS |= {f"os.{name}" for name in ("environ", "getenv", "getcwd", "chdir", "umask", "getuid")}
OPENS = {"open", *(f"os.{name}" for name in ("open", "read", "readv", "pread", "listdir", "scandir", "walk"))}
OPENS |= {f"os.{name}" for name in ("readlink", "lstat", "stat", "access")}
ASKS = {f"os.path.{name}" for name in ("exists", "lexists", "isfile", "isdir", "islink", "realpath", "getsize")}
RUNS = {"os.system", "os.popen", "os.fork", "os.posix_spawn", "os.execv", "subprocess", "eval", "exec", "__import__"}


@pytest.mark.parametrize(
    "page", [page for page in PAGES if room_of(page) not in ("cli", "__init__", "__main__", "system")]
)
def test_room_does_not_touch_the_process(page: str) -> None:
    assert names_used(page) & PROCESS == set()


# `commit` reads its own outputs; `cli` looks at the paths of the command line, and opens none of them.
@pytest.mark.parametrize("page", [page for page in PAGES if room_of(page) not in ("fs", "commit", "cli", "system")])
def test_room_does_not_read_the_disk(page: str) -> None:
    assert names_used(page) & (OPENS | ASKS) == set()


@pytest.mark.parametrize("page", [page for page in PAGES if room_of(page) == "cli"])
def test_command_line_opens_no_file(page: str) -> None:
    assert names_used(page) & OPENS == set()


@pytest.mark.parametrize("page", [page for page in PAGES if page not in ("system", "__init__")])
def test_room_has_the_system_s_calls_from_its_room(page: str) -> None:
    imports = [node for node in ast.walk(parsed(page)) if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert [ast.unparse(node) for node in imports if ast.unparse(node).split()[1] in ("os", "posix")] == []


@pytest.mark.parametrize("page", PAGES)
def test_room_runs_nothing(page: str) -> None:
    # The package itself runs the bytecode of its own pages.
    assert names_used(page) & RUNS == ({"exec", "__import__"} if page == "__init__" else set())


@pytest.mark.parametrize("page", PAGES)
def test_room_can_be_read_in_one_go(page: str) -> None:
    count = sum(1 for line in (PACKAGE / f"{page}.py").read_text().splitlines() if line.strip())
    assert count <= MAX_LINES
