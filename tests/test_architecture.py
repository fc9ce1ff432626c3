"""The rooms: who may import whom, and what `import dasknmf` costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import dasknmf

PACKAGE = Path(dasknmf.__file__).parent
HEAVY = {"dask", "distributed", "zarr", "xarray"}

#: From the ground up; a room imports only from rooms below it, or from itself.
FLOORS = [
    {"errors", "blas", "compiling", "aside", "events", "stopping"},
    {"bounds", "packed"},
    {"storage"},
    {"whole_file", "lock", "sealed_group"},
    {"pointer"},
    {"network"},
    {"generated", "sizing"},
    {"engine"},
    {"cluster"},
    {"solvers"},
    {"parameters"},
    {"options", "catalogue", "panels", "model", "unseen"},
    {"observing"},
    {"driver", "progress", "sketching", "mixed", "survey_options"},
    {"result_contents"},
    {"checkpoint", "results", "matrices", "exact", "sketched", "execution"},
    {"pair_weights"},
    {"stages", "planning", "export", "kept", "parts", "decomposition", "null_models", "forecasting"},
    {"references", "atomic", "sessions"},
    {"methods"},
    {"fitting"},
    {"models"},
    {"estimator", "analysis"},
    {"laboratory"},
    {"comparing", "enriching"},
    {"survey_dataset"},
    {"surveying", "survey_factors"},
    {"nesting"},
    {"report"},
    {"ecoli"},
    {"demo"},
    {"submitting"},
    {"cli"},
    {"__main__"},
]


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def runtime_imports_of(path: Path) -> set[str]:
    """Imports outside `if TYPE_CHECKING:`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()

    def walk(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            return
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        for child in ast.iter_child_nodes(node):
            walk(child)

    walk(tree)
    return found


PURE = [
    *sorted((PACKAGE / "solvers").glob("*.py")),
    PACKAGE / "engine/grid.py",
    PACKAGE / "engine/kernels.py",
]


@pytest.mark.parametrize("path", PURE, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_solvers_grid_and_kernels_know_no_dask_zarr_or_xarray(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports_of(path)} & HEAVY


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def floor(name: str) -> int:
    return next(height for height, rooms in enumerate(FLOORS) if name in rooms)


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_a_room_imports_only_from_rooms_below(path: Path) -> None:
    here = room(path)
    for name in runtime_imports_of(path):
        parts = name.split(".")
        if parts[0] == "dasknmf" and len(parts) > 1 and parts[1] != here:
            assert floor(parts[1]) < floor(here), f"{path.name} imports {name}"


def test_import_loads_nothing_heavy() -> None:
    code = "import sys, dasknmf; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not set(loaded.split()) & {*HEAVY, "numpy", "scipy", "pandas", "sklearn", "matplotlib"}


def test_every_public_name_can_be_had() -> None:
    for name in dasknmf.__all__:
        assert getattr(dasknmf, name).__doc__, name
    assert set(dasknmf.__all__) <= set(dir(dasknmf))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = dasknmf.nonsense
