"""Where a run takes place: threads of this process, worker processes here, or a cluster."""

from dasknmf.cluster.description import Cluster
from dasknmf.cluster.opening import executor_for
from dasknmf.cluster.pods import Kubernetes
from dasknmf.cluster.quantities import parse_memory
from dasknmf.cluster.reading import read_cluster
from dasknmf.cluster.sections import TLS, Slurm

__all__ = ["TLS", "Cluster", "Kubernetes", "Slurm", "executor_for", "parse_memory", "read_cluster"]
