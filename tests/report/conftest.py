import pytest

from tests.report.results_of_all_kinds import results


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """Places of a result of every kind, and of their network."""
    return results(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="session")
def runs(saved):
    """All of them but the network."""
    return [place for kind, place in saved.items() if kind != "network"]
