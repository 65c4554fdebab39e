"""The project's own source as syntax trees, for the house rules."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("exchange", "provenance", "listings", "settlement")
#: What stands above the rooms: the roof, and the command line on top of it.
ROOF = ("wsgi.py", "command.py")


@cache
def trees() -> dict[str, ast.Module]:
    """Path relative to the root, to its tree, for every module of the four rooms and what stands above them."""
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in [*paths, *map(ROOT.joinpath, ROOF)]}


def nodes(kind: type[ast.AST], prefix: str = "") -> Iterator[tuple[str, ast.AST]]:
    """All nodes of a kind, each with ``path:line``, in the modules whose path begins with ``prefix``."""
    for path, tree in trees().items():
        if path.startswith(prefix):
            for node in ast.walk(tree):
                if isinstance(node, kind):
                    yield f"{path}:{getattr(node, 'lineno', 0)}", node


def imports(path: str) -> set[str]:
    """The modules that a module imports."""
    found = set()
    for node in ast.walk(trees()[path]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found
