"""`dasknmf symmetry` and `dasknmf compare`: what they print and write, and how they refuse."""

from __future__ import annotations

import json
import sys

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import dasknmf
from dasknmf.cli import commands, main
from dasknmf.comparing.tables import comparison_table
from dasknmf.laboratory.tables import factor_table
from tests.laboratory.planted import planted


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """A network, a fit of it, and restarts."""
    folder = tmp_path_factory.mktemp("symmetry")
    A = planted(80)[1]
    dasknmf.import_network(A, folder / "net.zarr")
    dasknmf.save(dasknmf.nmf(folder / "net.zarr", 6), folder / "fit.zarr")
    models = [{"n_components": 4, "init": "random_acol", "seed": s} for s in (0, 1, 2)]
    models.append({"n_components": 4, "solver": "mu"})
    dasknmf.save(dasknmf.nmf_many(folder / "net.zarr", models), folder / "many.zarr")
    dasknmf.save(dasknmf.survey(folder / "net.zarr", [2, 4], restarts=3), folder / "survey.zarr")
    dasknmf.save(dasknmf.nmf(folder / "net.zarr", 3, solver="svd"), folder / "svd.zarr")
    dasknmf.import_network(A * 2, folder / "other.zarr")
    return folder


@pytest.fixture
def at(stores, tmp_path, monkeypatch):
    """A folder of its own, in which the stores have short names."""
    for name in ("net", "fit", "many", "survey", "svd", "other"):
        (tmp_path / f"{name}.zarr").symlink_to(stores / f"{name}.zarr")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*arguments):
    done = CliRunner().invoke(commands, ["-q", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def refused(monkeypatch, capsys, *arguments):
    """The one line on stderr of a command that fails."""
    monkeypatch.setattr(sys, "argv", ["dasknmf", "-q", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    said = capsys.readouterr().err.strip()
    assert "\n" not in said
    return said


SYMMETRY = ("symmetry", "fit.zarr", "--network", "net.zarr", "-o", "symmetry.zarr")


def test_it_ends_with_a_table_sentences_and_files(at):
    files = {
        name: f"{name}.{ending}"
        for name, ending in (
            ("figure", "png"),
            ("scatter", "pdf"),
            ("table", "tsv"),
            ("pairs", "tsv"),
            ("measures", "tsv"),
        )
    }
    options = [word for name, file in files.items() for word in (f"--{name}", file)]
    out = invoke(*SYMMETRY, "--nulls", "2", "--restarts", "2", *options)
    found = dasknmf.load("symmetry.zarr")
    expected = dasknmf.symmetry(dasknmf.load("fit.zarr"), "net.zarr", nulls=2, restarts=2)
    assert found.identical(expected)
    lines = out.splitlines()
    assert lines[0].split("\t")[:3] == ["factor", "class", "partner_of"]
    assert [line[2:] for line in lines[7:] if line.startswith("- ")] == json.loads(found.attrs["sentences"])
    assert lines[-2] == found.attrs["verdict"]
    assert lines[-1] == "saved symmetry.zarr, figure.png, scatter.pdf, table.tsv, pairs.tsv, measures.tsv"
    table = pd.read_csv("table.tsv", sep="\t", index_col="factor")
    pd.testing.assert_frame_equal(table, factor_table(found), check_dtype=False)
    pairs = pd.read_csv("pairs.tsv", sep="\t")
    assert pairs["weight"].tolist() == pytest.approx(found["entry_weight"].values.tolist())
    measures = pd.read_csv("measures.tsv", sep="\t", index_col="measure")
    assert measures.index.tolist() == found["measure"].values.tolist()
    picture = matplotlib.image.imread("figure.png")
    assert picture.shape[0] > 500
    assert picture[..., :3].std() > 0.05
    assert (at / "scatter.pdf").read_bytes().startswith(b"%PDF")
    assert not (at / "symmetry.zarr.checkpoint").exists()


def test_json_is_one_object_and_force_overwrites(at):
    arguments = (*SYMMETRY, "--restarts", "0", "--no-price", "--json")
    said = json.loads(invoke(*arguments))
    assert said == json.loads(invoke(*arguments, "--force"))
    found = dasknmf.load("symmetry.zarr")
    assert said["verdict"] == found.attrs["verdict"]
    assert said["sentences"] == json.loads(found.attrs["sentences"])
    assert "model_error" not in found


def test_of_several_models_those_that_are_named_are_examined(at, monkeypatch, capsys):
    names = [f"hals-k4-acol{seed}" for seed in (0, 1, 2)]
    arguments = ("symmetry", "many.zarr", "--network", "net.zarr", "-o", "many-symmetry.zarr", "--no-price")
    invoke(*arguments, "--model", ",".join(names), "--figure", "many.svg")
    found = dasknmf.load("many-symmetry.zarr")
    assert found["fit"].values.tolist() == names
    assert found.attrs["reference"] in names
    assert "<svg" in (at / "many.svg").read_text()
    every = refused(monkeypatch, capsys, *arguments, "--force")
    assert every == (
        "dasknmf: fits of solvers hals, mu; give restarts of one, and put several side by side with dasknmf.compare"
    )
    unknown = refused(monkeypatch, capsys, *arguments, "--force", "--model", "hals-k9")
    assert "many.zarr has no model 'hals-k9'; there are: hals-k4-acol0, " in unknown


def test_of_a_survey_the_recommended_rank_is_examined(at):
    invoke("symmetry", "survey.zarr", "--network", "net.zarr", "-o", "of-survey.zarr", "--restarts", "2")
    found = dasknmf.load("of-survey.zarr")
    assert found.sizes["factor"] == dasknmf.load("survey.zarr").attrs["recommended_rank"]
    # seeds 0 to 2 made the consensus
    assert [str(name).rsplit("acol")[-1] for name in found["fit"].values[1:]] == ["3", "4"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*SYMMETRY[:3], "other.zarr", *SYMMETRY[4:]), "give the network that was factorized"),
        (("symmetry", "svd.zarr", *SYMMETRY[2:]), "factors with signs (solver 'svd')"),
        (("symmetry", "none.zarr", *SYMMETRY[2:]), "there is no fit at none.zarr"),
        (("symmetry", "net.zarr", *SYMMETRY[2:]), "not a dasknmf fit"),
        ((*SYMMETRY, "--kinds", "sbm"), "'sbm' is no null model of a network"),
        ((*SYMMETRY, "--figure", "no/figure.png"), "there is no folder"),
        ((*SYMMETRY, "--figure", "figure.doc"), "end its name in .png, .svg or .pdf"),
        ((*SYMMETRY, "--checkpoint", "."), "is a folder with other things in it"),
        ((*SYMMETRY[:5], "fit.zarr"), "fit.zarr exists already"),
        (("compare", "net.zarr", "-k", "3", "-o", "c.zarr", "--solvers", "bogus"), "'bogus' is not known"),
        (("compare", "net.zarr", "-k", "3", "-o", "c.zarr", "--figure", "c.doc"), "end its name in .png"),
        (("compare", "net.zarr", "-k", "99", "-o", "c.zarr"), "n_components=99"),
        (("compare", "none.zarr", "-k", "3", "-o", "c.zarr"), "none.zarr"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_is_one_line_and_exit_code_1(at, monkeypatch, capsys, arguments, message):
    before = sorted(at.iterdir())
    assert message in refused(monkeypatch, capsys, *arguments)
    assert sorted(at.iterdir()) == before


COMPARE = ("compare", "net.zarr", "-k", "4", "-o", "compare.zarr", "--max-iter", "20", "--restarts", "2")
SOLVERS = ("--solvers", "hals,brunet,cogaps,svd", "--iterations", "10", "--kinds", "network,shuffle")


def test_compare_ends_with_a_table_claims_and_files(at):
    out = invoke(*COMPARE, *SOLVERS, "--figure", "compare.png", "--table", "compare.tsv")
    found = dasknmf.load("compare.zarr")
    assert found["solver"].values.tolist() == ["hals", "brunet", "cogaps", "svd"]
    lines = out.splitlines()
    claims = [line for line in lines if line.startswith("- ")]
    assert len(claims) == 4
    for line, claim, verdict, evidence in zip(
        claims, *(found[name].values for name in ("claim", "claim_verdict", "claim_evidence")), strict=True
    ):
        assert line == f"- {claim} Here: {verdict}. {evidence}"
    assert lines[-1] == "saved compare.zarr, compare.png, compare.tsv"
    table = pd.read_csv("compare.tsv", sep="\t", index_col=["network", "solver"])
    pd.testing.assert_frame_equal(table, comparison_table(found))
    assert matplotlib.image.imread("compare.png").shape[1] > 500
    assert not (at / "compare.zarr.checkpoint").exists()


def test_compare_as_json(at):
    said = json.loads(invoke(*COMPARE, "--solvers", "hals,mu", "--kinds", "network", "--json"))
    assert said["output"] == "compare.zarr"
    assert [set(one) for one in said["claims"]] == [{"claim", "verdict", "evidence"}] * 4
    found = dasknmf.compare("net.zarr", 4, solvers=["hals", "mu"], kinds=["network"], restarts=2, max_iter=20)
    np.testing.assert_array_equal(found["linearity"], dasknmf.load("compare.zarr")["linearity"])
