"""What the sections of a report say, against the results they say it of."""

import json

import numpy as np
import pytest

import dasknmf
from dasknmf.report.html.commands import commands_of
from dasknmf.report.html.page import sections_of
from dasknmf.report.html.provenance import parameters
from dasknmf.report.html.runs import gather


@pytest.fixture(scope="module")
def contents(runs):
    return gather(runs)


@pytest.fixture(scope="module")
def sections(contents):
    return {one["id"]: one for one in sections_of(contents)}


def blocks_of(block):
    for inside in block["blocks"]:
        yield inside
        if "blocks" in inside:
            yield from blocks_of(inside)


def table_of(section, caption):
    return next(
        one for one in blocks_of(section) if one["block"] == "table" and one["caption"].startswith(caption)
    )


def column(table, title):
    place = [one["title"] for one in table["columns"]].index(title)
    return [row[place] for row in table["rows"]]


def said_in(section):
    return [one["text"] for one in blocks_of(section) if one["block"] in ("text", "verdict")] + [
        item for one in blocks_of(section) if one["block"] == "items" for item in one["items"]
    ]


def test_all_sections_are_there_in_order(sections):
    assert list(sections) == [
        "in-short",
        "network",
        "rank",
        "factors",
        "symmetry",
        "algorithms",
        "nested",
        "fragmentation",
        "repeat",
    ]


def test_the_network_is_the_store(sections, saved):
    network = dasknmf.open_network(saved["network"])
    table = table_of(sections["network"], "The network")
    card = dict(table["rows"])
    assert card["genes"] == 60
    assert card["pairs of genes with a weight"] == network.header.edges
    assert card["checksum"] == network.header.checksum
    assert card["‖A‖, root of the sum of squared weights"] == pytest.approx(
        np.linalg.norm(network.to_dask().compute()), rel=1e-6
    )
    assert any("very network" in said for said in said_in(sections["network"]))


def test_runs_are_told_with_their_cost(sections, saved):
    table = table_of(sections["network"], "What was run")
    fit = dasknmf.load(saved["fit"])
    row = column(table, "Result").index("fit.zarr")
    assert column(table, "Relative error")[row] == fit.attrs["relative_error"]
    assert column(table, "Eckart–Young bound")[row] == fit.attrs["eckart_young"]
    assert column(table, "Time")[row] == fit.attrs["seconds"]
    forecasts = dict(
        zip(column(table, "Result"), column(table, "Memory of a process, forecast"), strict=True)
    )
    # what is forecast are the arrays of the run at least: the network, read at once here, and W and H
    for name in ("fit.zarr", "survey.zarr", "nested.zarr"):
        assert forecasts[name] > 60 * 60 * 4


def test_the_rank_is_that_of_the_survey(sections, saved):
    survey = dasknmf.load(saved["survey"])
    table = table_of(sections["rank"], "What was measured")
    assert column(table, "Rank") == [2, 3, 4]
    np.testing.assert_array_equal(column(table, "Error, best"), survey["relative_error"].min("restart"))
    np.testing.assert_array_equal(column(table, "Stability"), survey["stability"])
    marked = column(table, "Mark").index("recommended")
    assert column(table, "Rank")[marked] == survey.attrs["recommended_rank"]
    verdict = next(one["text"] for one in sections["rank"]["blocks"] if one["block"] == "verdict")
    assert survey.attrs["reason"] in verdict
    for warning in json.loads(survey.attrs["warnings"]):
        assert any(warning in said for said in said_in(sections["rank"]))


def test_factors_are_those_of_the_fit(sections, saved):
    fit, symmetry = dasknmf.load(saved["fit"]), dasknmf.load(saved["symmetry"])
    W, H = fit["W"].to_numpy().astype(float), fit["H"].to_numpy().astype(float)
    table = table_of(sections["factors"], "Factors")
    model = W @ H
    shares = [(np.outer(W[:, j], H[j]) * model).sum() / (model**2).sum() for j in range(4)]
    np.testing.assert_allclose(column(table, "Contribution"), shares, rtol=1e-6)
    assert sum(column(table, "Contribution")) == pytest.approx(1)
    sizes = (W**2).sum(axis=0) ** 2 / (W**4).sum(axis=0)
    np.testing.assert_allclose(column(table, "Size, W"), sizes, atol=0.51)
    np.testing.assert_array_equal(column(table, "Reproducibility"), symmetry["recurrence"])
    genes = fit["gene"].to_numpy()
    for j, named in enumerate(column(table, "Top genes of H")):
        assert named == genes[np.argsort(-H[j], kind="stable")[:10]].tolist()


def test_classes_and_partners_are_those_of_the_symmetry(sections, saved):
    symmetry = dasknmf.load(saved["symmetry"])
    kinds = symmetry["class"].to_numpy().tolist()
    assert sorted(kinds) == ["module", "module", "pair", "pair"]
    of_factors = column(table_of(sections["factors"], "Factors"), "Class")
    partner = symmetry["partner_of"].to_numpy()
    assert of_factors == [
        f"pair with {partner[j]}" if kind == "pair" else kind for j, kind in enumerate(kinds)
    ]
    table = table_of(sections["symmetry"], "Factors and their partners")
    assert column(table, "Partner") == partner.tolist()
    np.testing.assert_array_equal(column(table, "Cosine with partner"), symmetry["partner_cosine"])
    for sentence in json.loads(symmetry.attrs["sentences"]):
        assert sentence.replace(str(saved["network"]), saved["network"].name) in said_in(sections["symmetry"])
    pairs = table_of(sections["symmetry"], "Pairs of genes between partners")
    assert column(pairs, "Weight in A")[0] == symmetry["entry_weight"].to_numpy()[0]


def test_gene_sets_are_those_of_the_enrichment(sections, saved):
    fit, found = dasknmf.load(saved["fit"]), dasknmf.load(saved["enrichment"])
    best = column(table_of(sections["factors"], "Factors"), "Best known gene sets")
    rows = table_of(sections["factors"], "Gene sets, both sides")
    q = found["q"].sel(side=column(rows, "Side")[0], factor=column(rows, "Factor")[0])
    assert column(rows, "q")[0] == q.min().item()
    assert max(column(rows, "q")) <= 0.05
    for j in range(4):
        genes = set(fit["gene"].to_numpy()[np.argsort(-fit["W"].to_numpy()[:, j])[:5]])
        own = {"<b>first</b>": 0, "second": 15, "third": 30, "fourth": 45}
        names = fit["gene"].to_numpy()
        mine = next(name for name, start in own.items() if genes <= set(names[start : start + 15]))
        assert any(one.startswith(mine) for one in best[j])


def test_claims_and_means_are_those_of_the_comparison(sections, saved):
    found = dasknmf.load(saved["comparison"])
    claims = table_of(sections["algorithms"], "Claims")
    assert column(claims, "Verdict") == found["claim_verdict"].to_numpy().tolist()
    means = table_of(sections["algorithms"], "Means over restarts")
    assert column(means, "Network") == ["network", "network", "shuffle", "shuffle"]
    np.testing.assert_allclose(
        column(means, "relative error"), found["relative_error"].mean("restart").to_numpy().ravel()
    )
    ends = table_of(sections["algorithms"], "Means over restarts with")
    assert column(ends, "2.5 %")[0] == found["relative_error_low"].to_numpy()[0, 0]


def test_levels_are_those_of_the_nested_associations(sections, saved):
    found = dasknmf.load(saved["nested"])
    table = table_of(sections["nested"], "What each level keeps, loadings partner")
    assert column(table, "Factors") == [4, 2]
    kept = found["retention"].sel(branch="partner").mean("restart")
    np.testing.assert_allclose(column(table, "Retention, E / E*"), kept)
    nodes = table_of(sections["nested"], "Nodes of the tree")
    parents = [None if parent < 0 else parent for parent in found["parent"].to_numpy().tolist()]
    assert column(nodes, "Part of node") == parents
    # a control has no tree of its own on the page
    assert sum(one["block"] == "tree" for one in blocks_of(sections["nested"])) == 1


def test_the_verdict_is_that_of_the_fragmentation(sections, saved):
    found = dasknmf.load(saved["fragmentation"])
    table = table_of(sections["fragmentation"], "Loss per level")
    assert column(table, "Run") == found["run"].to_numpy().tolist()
    gamma = [
        float(found["gamma"].sel(run=run, quantity="retention partner")) for run in found["run"].to_numpy()
    ]
    np.testing.assert_array_equal(column(table, "γ a level"), gamma)
    assert found.attrs["verdict"] in " ".join(said_in(sections["fragmentation"])).lower()


def test_every_parameter_is_told_with_all_its_digits(contents, saved):
    for run in contents.runs:
        told = dict(parameters(run))
        original = dasknmf.load(saved[run.file.removesuffix(".zarr")]).attrs
        for name in (
            "seed",
            "network_checksum",
            "n_components",
            "relative_error",
            "tol",
            "restarts",
            "reads",
        ):
            if name in original:
                assert told[name] == str(original[name])
        if "versions" in original:
            assert told["versions: numpy"] == np.__version__


def test_commands_are_what_the_command_line_takes(contents, saved):
    import shlex

    from dasknmf.cli import commands

    said = {}
    for line in commands_of(contents):
        words = shlex.split(line)
        command = commands.commands[words[1]]
        said[words[1]] = command.make_context(words[1], words[2:]).params
    assert set(said) == {"fit", "survey", "symmetry", "compare", "nest", "fragmentation", "enrich"}
    fit, nested = dasknmf.load(saved["fit"]).attrs, dasknmf.load(saved["nested"]).attrs
    for name in ("init", "max_iter", "tol", "tol_objective", "polish", "diagonal", "passes"):
        assert said["fit"][name] == fit[name], name
    assert said["fit"]["n_components"] == [4]
    assert said["fit"]["network"] == "net & <i>work.zarr"
    assert said["survey"]["n_components"] == [2, 3, 4]
    assert said["survey"]["restarts"] == 3
    assert said["survey"]["held_out"] == 0.05
    assert said["symmetry"]["nulls"] == 3
    assert said["symmetry"]["fit"] == said["enrich"]["fit"] == "fit.zarr"
    assert said["symmetry"]["network"] == "net & <i>work.zarr"
    assert (said["enrich"]["gene_sets"], said["enrich"]["min_size"]) == ("sets.gmt", 3)
    assert said["fragmentation"]["runs"] == ("tree", "soules")
    assert said["compare"]["solvers"] == ["hals", "mu"]
    assert said["compare"]["max_iter"] == 20
    assert said["nest"]["n_components"] == [4, 2]
    for name in ("method", "loadings", "similarity", "restarts", "seed"):
        assert said["nest"][name] == nested[name], name


def test_a_command_makes_the_same_factors_again(contents, saved, tmp_path, monkeypatch):
    import shlex

    from click.testing import CliRunner

    from dasknmf.cli import commands

    line = next(line for line in commands_of(contents) if line.startswith("dasknmf fit"))
    words = shlex.split(line)[1:]
    words[words.index("fit.zarr")] = str(tmp_path / "again.zarr")
    monkeypatch.chdir(saved["network"].parent)
    assert CliRunner().invoke(commands, ["-q", *words]).exit_code == 0
    again, fit = dasknmf.load(tmp_path / "again.zarr"), dasknmf.load(saved["fit"])
    np.testing.assert_array_equal(again["W"], fit["W"])


@pytest.mark.parametrize(
    ("kinds", "there"),
    [
        (["fit"], ["network", "factors", "repeat"]),
        (["survey"], ["in-short", "network", "rank", "factors", "repeat"]),
        (["fragmentation"], ["in-short", "network", "fragmentation", "repeat"]),
        (["control", "nested"], ["network", "nested", "repeat"]),
    ],
)
def test_what_is_absent_is_left_out(saved, kinds, there):
    made = sections_of(gather([saved[kind] for kind in kinds]))
    assert [one["id"] for one in made] == there


def test_the_consensus_of_a_survey_stands_in_for_a_fit(saved):
    made = {one["id"]: one for one in sections_of(gather(saved["survey"]))}
    survey = dasknmf.load(saved["survey"])
    own = survey["component_rank"].to_numpy() == survey.attrs["recommended_rank"]
    table = table_of(made["factors"], "Factors")
    np.testing.assert_array_equal(column(table, "Reproducibility"), survey["reproducibility"].to_numpy()[own])


def test_the_order_of_results_does_not_matter(runs):
    names = [[run.name for run in gather(given).runs] for given in (runs, runs[::-1])]
    assert names[0] == names[1]


def test_several_models_in_one_store_are_told_one_by_one(saved, tmp_path):
    fits = dasknmf.nmf_many(saved["network"], [{"n_components": k} for k in (2, 3)])
    dasknmf.save(fits, tmp_path / "many.zarr")
    contents = gather(tmp_path / "many.zarr")
    assert [run.name for run in contents.runs] == ["many.zarr: hals-k2", "many.zarr: hals-k3"]
    made = {one["id"]: one for one in sections_of(contents)}
    # the better one is listed
    assert column(table_of(made["factors"], "Factors"), "Factor") == [0, 1, 2]
    outputs = [line.split(" -o ")[1].split(" ")[0] for line in commands_of(contents)]
    assert outputs == ["many-hals-k2.zarr", "many-hals-k3.zarr"]
