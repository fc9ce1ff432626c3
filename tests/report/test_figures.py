import sys

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from dasknmf.analysis.recovery import module_recovery
from dasknmf.errors import InputError, MissingDependencyError
from dasknmf.report.figures import demo_figure, plot_convergence, plot_factors, plot_recovery

matplotlib = pytest.importorskip("matplotlib")


@pytest.fixture(autouse=True)
def no_window():
    before = matplotlib.get_backend()
    matplotlib.use("agg")
    yield
    from matplotlib import pyplot as plt

    plt.close("all")
    matplotlib.use(before)


@pytest.fixture
def fit():
    rng = np.random.default_rng(0)
    W = rng.random((40, 3))
    return xr.Dataset(
        {
            "W": (("gene", "factor"), W),
            "H": (("factor", "gene"), W.T),
            "relative_error": (("iteration",), [0.9, 0.5, 0.4]),
        },
        coords={
            "gene": np.array([f"g{i}" for i in range(40)], dtype=object),
            "factor": [0, 1, 2],
            "iteration": [1, 2, 3],
        },
        attrs={"eckart_young": 0.3},
    )


@pytest.fixture
def recovery(fit):
    weights = np.random.default_rng(1).standard_normal((40, 6))
    return module_recovery(
        fit, pd.DataFrame(weights, index=fit["gene"].values, columns=list("abcdef")), size=5
    )


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_recovery_shows_both_distributions_and_the_verdict(recovery):
    ax = plot_recovery(recovery)
    found, chance = ax.lines[:2]
    assert found.get_ydata().tolist() == sorted(recovery["auroc"].values, reverse=True)
    assert chance.get_ydata().tolist() == sorted(recovery["shuffled"].values, reverse=True)
    a = recovery.attrs
    assert f"{a['recovered']} of 6 above 0.9 ({a['recovered_shuffled']} by chance)" in texts(ax)


def test_convergence_shows_the_bound_where_there_is_one(fit):
    ax = plot_convergence(fit)
    assert ax.lines[0].get_ydata().tolist() == [0.9, 0.5, 0.4]
    assert ax.lines[1].get_ydata()[0] == 0.3
    assert texts(ax) == ["0.400", "Eckart–Young bound of rank 3: 0.300"]
    del fit.attrs["eckart_young"]
    assert len(plot_convergence(fit).lines) == 1


def test_factors_show_the_top_genes_of_each_once(fit):
    ax = plot_factors(fit, factors=[2, 0], labels=["ArgR", "PurR"], n=4)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert len(names) == len(set(names)) == 8
    W = fit["W"].sel(factor=2)
    assert names[:4] == fit["gene"].values[np.argsort(-W.values)[:4]].tolist()
    assert [label.get_text() for label in ax.get_xticklabels()] == ["ArgR", "PurR"]
    shown = ax.images[0].get_array()
    np.testing.assert_allclose(shown[:4, 0], W.sel(gene=names[:4]) / W.max())
    with pytest.raises(InputError, match=r"factors=\[7\]: not in the fit, which has 0 to 2"):
        plot_factors(fit, factors=[0, 7])


def test_axes_that_are_given_are_used(fit, recovery):
    axes = matplotlib.figure.Figure().subplots(1, 3)
    assert plot_convergence(fit, ax=axes[0]) is axes[0]
    assert plot_recovery(recovery, ax=axes[1]) is axes[1]
    assert plot_factors(fit, ax=axes[2]) is axes[2]


def test_the_figure_of_the_demonstration_is_drawn(fit, recovery, tmp_path):
    figure = demo_figure(fit, recovery)
    figure.savefig(tmp_path / "demo.png")
    assert (tmp_path / "demo.png").read_bytes()[:4] == b"\x89PNG"
    labels = {label.get_text() for label in figure.axes[2].get_xticklabels()}
    best = recovery.sortby("auroc", ascending=False)["module"].values[0]
    assert best in labels


def test_without_matplotlib_the_extra_is_named(fit, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'dasknmf\[plot\]'"):
        plot_convergence(fit)
