"""Non-negative factorization of genome-scale gene networks, out of core on Dask and Zarr."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dasknmf.analysis.consensus import consensus
    from dasknmf.analysis.genes import top_genes
    from dasknmf.atomic.factorization import cogaps
    from dasknmf.atomic.markers import pattern_markers
    from dasknmf.catalogue import list_solvers
    from dasknmf.estimator import NMF
    from dasknmf.models import nmf, nmf_many, transform
    from dasknmf.nesting.testing import fragmentation
    from dasknmf.network.coexpression import coexpression
    from dasknmf.network.readers import import_network
    from dasknmf.network.store import Network, open_network
    from dasknmf.results import load, save
    from dasknmf.surveying import survey, survey_fit

__version__ = "0.1.0"

__all__ = [
    "NMF",
    "Network",
    "coexpression",
    "cogaps",
    "consensus",
    "fragmentation",
    "import_network",
    "list_solvers",
    "load",
    "nmf",
    "nmf_many",
    "open_network",
    "pattern_markers",
    "save",
    "survey",
    "survey_fit",
    "top_genes",
    "transform",
]

# Names are imported on first use, so that `import dasknmf` and `dasknmf --help` stay fast.
_HOMES = {
    "NMF": "dasknmf.estimator",
    "Network": "dasknmf.network.store",
    "coexpression": "dasknmf.network.coexpression",
    "cogaps": "dasknmf.atomic.factorization",
    "consensus": "dasknmf.analysis.consensus",
    "fragmentation": "dasknmf.nesting.testing",
    "import_network": "dasknmf.network.readers",
    "list_solvers": "dasknmf.catalogue",
    "load": "dasknmf.results",
    "nmf": "dasknmf.models",
    "nmf_many": "dasknmf.models",
    "open_network": "dasknmf.network.store",
    "pattern_markers": "dasknmf.atomic.markers",
    "save": "dasknmf.results",
    "survey": "dasknmf.surveying",
    "survey_fit": "dasknmf.surveying",
    "top_genes": "dasknmf.analysis.genes",
    "transform": "dasknmf.models",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    msg = f"module 'dasknmf' has no attribute '{name}'"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
