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
    from dasknmf.comparing.comparison import compare
    from dasknmf.enriching.enrichment import enrich
    from dasknmf.enriching.following import hierarchy_score
    from dasknmf.enriching.gene_sets import read_gene_sets
    from dasknmf.enriching.relations import read_hierarchy
    from dasknmf.enriching.table import enrichment_table
    from dasknmf.estimator import NMF
    from dasknmf.generated.controls import control_network
    from dasknmf.laboratory.examination import symmetry
    from dasknmf.models import nmf, nmf_many, transform
    from dasknmf.nesting.associations import nested
    from dasknmf.nesting.dataset import nested_tree
    from dasknmf.nesting.testing import fragmentation
    from dasknmf.network.coexpression import coexpression
    from dasknmf.network.readers import import_network
    from dasknmf.network.store import Network, open_network
    from dasknmf.null_models import null_network
    from dasknmf.report.html.writing import write_report
    from dasknmf.results import load, save
    from dasknmf.survey_factors import survey_fit
    from dasknmf.surveying import survey

__version__ = "0.1.0"

__all__ = [
    "NMF",
    "Network",
    "coexpression",
    "cogaps",
    "compare",
    "consensus",
    "control_network",
    "enrich",
    "enrichment_table",
    "fragmentation",
    "hierarchy_score",
    "import_network",
    "list_solvers",
    "load",
    "nested",
    "nested_tree",
    "nmf",
    "nmf_many",
    "null_network",
    "open_network",
    "pattern_markers",
    "read_gene_sets",
    "read_hierarchy",
    "save",
    "survey",
    "survey_fit",
    "symmetry",
    "top_genes",
    "transform",
    "write_report",
]

# Names are imported on first use, so that `import dasknmf` and `dasknmf --help` stay fast.
_HOMES = {
    "NMF": "dasknmf.estimator",
    "Network": "dasknmf.network.store",
    "coexpression": "dasknmf.network.coexpression",
    "cogaps": "dasknmf.atomic.factorization",
    "compare": "dasknmf.comparing.comparison",
    "consensus": "dasknmf.analysis.consensus",
    "control_network": "dasknmf.generated.controls",
    "enrich": "dasknmf.enriching.enrichment",
    "enrichment_table": "dasknmf.enriching.table",
    "hierarchy_score": "dasknmf.enriching.following",
    "fragmentation": "dasknmf.nesting.testing",
    "import_network": "dasknmf.network.readers",
    "list_solvers": "dasknmf.catalogue",
    "load": "dasknmf.results",
    "nested": "dasknmf.nesting.associations",
    "nested_tree": "dasknmf.nesting.dataset",
    "nmf": "dasknmf.models",
    "nmf_many": "dasknmf.models",
    "null_network": "dasknmf.null_models",
    "open_network": "dasknmf.network.store",
    "pattern_markers": "dasknmf.atomic.markers",
    "read_gene_sets": "dasknmf.enriching.gene_sets",
    "read_hierarchy": "dasknmf.enriching.relations",
    "save": "dasknmf.results",
    "survey": "dasknmf.surveying",
    "survey_fit": "dasknmf.survey_factors",
    "symmetry": "dasknmf.laboratory.examination",
    "top_genes": "dasknmf.analysis.genes",
    "transform": "dasknmf.models",
    "write_report": "dasknmf.report.html.writing",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    msg = f"module 'dasknmf' has no attribute '{name}'"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
