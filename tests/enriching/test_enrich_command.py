"""`dasknmf enrich`: what it prints, what it writes, and what it refuses."""

from __future__ import annotations

import gzip
import io
import json
import sys

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import dasknmf
from dasknmf.cli import commands, main


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A fit of three modules of ten genes, and their sets."""
    A = np.kron(np.eye(3), np.ones((10, 10))) + 0.01
    fit = dasknmf.nmf(A, n_components=3)
    dasknmf.save(
        fit.assign_coords(gene=np.array([f"g{i}" for i in range(30)], dtype=object)), tmp_path / "fit.zarr"
    )
    lines = [f"m{j}\tmodule {j}\t" + "\t".join(f"g{i}" for i in range(10 * j, 10 * j + 10)) for j in range(3)]
    (tmp_path / "sets.gmt").write_text("\n".join([*lines, "mixed\t\tg1\tg2\tg11\tg12\tg21\tg22"]) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*arguments):
    done = CliRunner().invoke(commands, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


def test_the_best_set_of_each_factor_is_printed_as_a_table(folder):
    done = invoke("enrich", "fit.zarr", "--gene-sets", "sets.gmt")
    best = pd.read_csv(io.StringIO(done.stdout), sep="\t")
    assert best["factor"].tolist() == [0, 0, 1, 1, 2, 2]
    assert best["side"].tolist() == ["W", "H"] * 3
    assert sorted(best["set"]) == ["m0", "m0", "m1", "m1", "m2", "m2"]
    assert (best["overlap"] == 10).all()
    # C(30, 10) ways
    assert best["p"].to_numpy() == pytest.approx(1 / 30_045_015, rel=1e-3)
    assert "4 of 4 sets tested, 30 of 30 genes are in any set" in done.stderr
    assert invoke("-q", "enrich", "fit.zarr", "--gene-sets", "sets.gmt").stderr == ""


def test_options_are_those_of_the_function_and_the_file_has_the_genes(folder):
    options = ["--sides", "mean", "--top", "10", "--min-size", "7", "--universe", "network", "--by", "rank"]
    done = invoke(
        "enrich", "fit.zarr", "--gene-sets", "sets.gmt", *options, "-o", "t.tsv.gz", "--max-q", "1", "--json"
    )
    found = dasknmf.enrich(
        dasknmf.load("fit.zarr"), "sets.gmt", sides="mean", n_top=10, min_size=7, universe="network"
    )
    said = json.loads(done.stdout)
    assert {name: said[name] for name in ("n_top", "universe", "sets_tested", "gene_sets_checksum")} == {
        "n_top": 10,
        "universe": "network",
        "sets_tested": 3,
        "gene_sets_checksum": found.attrs["gene_sets_checksum"],
    }
    expected = dasknmf.enrichment_table(found, by="rank")
    assert [row["set"] for row in said["best"]] == expected.groupby("factor")["set"].first().tolist()
    text = gzip.decompress((folder / "t.tsv.gz").read_bytes())
    rows = pd.read_csv(io.BytesIO(text), sep="\t", keep_default_na=False)
    assert rows["set"].tolist() == expected["set"].tolist()
    assert rows["genes"].tolist() == expected["genes"].tolist()
    np.testing.assert_allclose(rows["rank_p"], expected["rank_p"])


def test_what_is_there_is_kept_unless_forced_and_errors_are_one_line(folder, monkeypatch, capsys):
    (folder / "t.tsv").write_text("mine")
    arguments = ["dasknmf", "enrich", "fit.zarr", "--gene-sets", "sets.gmt", "-o", "t.tsv"]
    for more, code in (([], 1), (["--force"], 0), (["--force", "--gene-sets", "none.gmt"], 1)):
        monkeypatch.setattr(sys, "argv", [*arguments, *more])
        with pytest.raises(SystemExit) as left:
            main()
        assert left.value.code == code
        error = capsys.readouterr().err
        if code:
            assert error.startswith("dasknmf: ")
            assert error.count("\n") == 1
            assert "exists already" in error or "none.gmt: there is no such file" in error
    assert (folder / "t.tsv").read_text().startswith("factor\tside\tset")
