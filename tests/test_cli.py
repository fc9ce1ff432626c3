"""The command line: what it prints, where, and with which exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import yaml
from click.testing import CliRunner, Result

import dasknmf
from dasknmf.cli import commands
from tests.conftest import planted

if TYPE_CHECKING:
    from pathlib import Path


def dasknmf_command(*arguments: str, cwd: Path, check: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "dasknmf", *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == check, done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    A = planted(40, 3, seed=0)
    lines = [f"g{i:02}\tg{j:02}\t{A[i, j]:.6f}" for i in range(40) for j in range(i + 1, 40)]
    (tmp_path / "edges.tsv").write_text("gene1\tgene2\tweight\n" + "\n".join(lines) + "\n")
    return tmp_path


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(commands, list(arguments), catch_exceptions=False)


def test_from_edges_to_top_genes(folder: Path) -> None:
    made = dasknmf_command("import", "edges.tsv", "net.zarr", cwd=folder)
    assert made.stdout == "saved net.zarr: 40 genes, 780 edges, dense\n"
    card = json.loads(dasknmf_command("info", "net.zarr", "--json", "--verify", cwd=folder).stdout)
    assert (card["genes"], card["edges"], card["verified"]) == (40, 780, True)
    assert "genes" in dasknmf_command("info", "net.zarr", cwd=folder).stdout
    fitted = dasknmf_command("fit", "net.zarr", "-k", "3", "-o", "fit.zarr", "--json", cwd=folder)
    model = json.loads(fitted.stdout)["models"]["hals-k3-seed0"]
    fit = dasknmf.load(folder / "fit.zarr")
    assert model["relative_error"] == fit.attrs["relative_error"]
    assert "iteration 1: relative error" in fitted.stderr
    quiet = dasknmf_command("-q", "fit", "net.zarr", "-k", "3", "-o", "again.zarr", cwd=folder)
    assert quiet.stderr == ""
    np.testing.assert_array_equal(dasknmf.load(folder / "again.zarr")["W"], fit["W"])
    shown = dasknmf_command("top-genes", "fit.zarr", "-n", "4", cwd=folder).stdout.splitlines()
    assert len(shown) == 6
    best = fit["gene"].values[fit["W"].values[:, 0].argmax()]
    assert shown[0].split("\t")[2].split()[0] == best
    assert dasknmf_command("top-genes", "fit.zarr", "--long", cwd=folder).stdout.startswith(
        "factor\tside\trank"
    )
    assert dasknmf_command("export", "fit.zarr", "f.tsv", cwd=folder).stdout == "saved f.tsv\n"


def test_several_models_in_one_run(folder: Path) -> None:
    dasknmf_command("import", "edges.tsv", "net.zarr", cwd=folder)
    many = ["fit", "net.zarr", "-k", "2,3", "--seed", "0:2", "--solver", "hals,mu", "--init", "random"]
    done = dasknmf_command(*many, "--max-iter", "4", "-o", "fits.zarr", cwd=folder)
    assert len(done.stdout.splitlines()) == 1 + 8 + 1
    assert len(dasknmf.load(folder / "fits.zarr").children) == 8
    asked = dasknmf_command("top-genes", "fits.zarr", cwd=folder, check=1)
    assert "fits.zarr holds 8 models; choose one with --model: hals-k2-seed0" in asked.stderr
    assert dasknmf_command("top-genes", "fits.zarr", "--model", "mu-k3-seed1", cwd=folder).stdout


def test_a_config_file_gives_defaults_that_the_command_line_overrides(folder: Path) -> None:
    dasknmf_command("import", "edges.tsv", "net.zarr", cwd=folder)
    (folder / "run.yaml").write_text(
        yaml.safe_dump({"n_components": 2, "max_iter": 3, "l1_W": 0.5, "tol": 0.0})
    )
    dasknmf_command(
        "fit", "net.zarr", "--config", "run.yaml", "--max-iter", "5", "-o", "fit.zarr", cwd=folder
    )
    attributes = dasknmf.load(folder / "fit.zarr").attrs
    assert [attributes[name] for name in ("n_components", "max_iter", "l1_W")] == [2, 5, 0.5]
    (folder / "run.yaml").write_text("rank: 2\n")
    refused = dasknmf_command("fit", "net.zarr", "--config", "run.yaml", "-o", "x.zarr", cwd=folder, check=1)
    assert "'rank' is not an option of fit; there are: as_json, bound" in refused.stderr


def test_coexpress(folder: Path) -> None:
    values = np.random.default_rng(0).normal(size=(6, 9))
    rows = [f"g{i}," + ",".join(f"{x:.6f}" for x in row) for i, row in enumerate(values)]
    (folder / "e.csv").write_text(
        "gene," + ",".join(f"s{i}" for i in range(9)) + "\n" + "\n".join(rows) + "\n"
    )
    made = dasknmf_command("coexpress", "e.csv", "co.zarr", "--power", "2", cwd=folder)
    assert made.stdout == "saved co.zarr: 6 genes, 15 edges, dense\n"
    expected = np.corrcoef(values) ** 2
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(dasknmf.open_network(folder / "co.zarr").to_dask(), expected, atol=1e-5)


def test_exit_codes(folder: Path) -> None:
    dasknmf_command("import", "edges.tsv", "net.zarr", cwd=folder)
    failed = dasknmf_command("info", "nothing.zarr", cwd=folder, check=1)
    assert (
        failed.stderr
        == "dasknmf: there is no network at nothing.zarr; make one with: dasknmf import EDGES nothing.zarr\n"
    )
    assert failed.stdout == ""
    assert "No such option" in dasknmf_command("fit", "net.zarr", "--rank", "3", cwd=folder, check=2).stderr
    assert (
        "give whole numbers"
        in dasknmf_command("fit", "net.zarr", "-k", "x", "-o", "y", cwd=folder, check=2).stderr
    )
    loose = ["fit", "net.zarr", "-k", "3", "--max-iter", "2", "--tol", "0"]
    assert dasknmf_command(*loose, "-o", "fit.zarr", cwd=folder).returncode == 0
    strict = dasknmf_command(*loose, "-o", "strict.zarr", "--strict", cwd=folder, check=3)
    assert "saved strict.zarr, but not converged within --max-iter 2" in strict.stderr
    assert dasknmf.load(folder / "strict.zarr").attrs["converged"] == 0
    taken = dasknmf_command(*loose, "-o", "fit.zarr", cwd=folder, check=1)
    assert "fit.zarr exists already; choose another name, or overwrite it (--force" in taken.stderr
    assert dasknmf_command(*loose, "-o", "fit.zarr", "--force", cwd=folder).returncode == 0


def test_help_names_every_command_and_loads_nothing_heavy() -> None:
    shown = invoke("--help").output
    for command in ("import", "coexpress", "info", "fit", "top-genes", "export", "demo"):
        assert command in shown
        assert invoke(command, "--help").exit_code == 0
    code = "import sys, dasknmf.cli; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"dask", "distributed", "zarr", "xarray", "pandas", "matplotlib"} & set(loaded)


def test_the_commands_have_the_defaults_of_the_python_functions() -> None:
    import inspect

    from dasknmf.network.coexpression import coexpression
    from dasknmf.network.readers import import_network
    from dasknmf.options import ModelOptions, RunOptions

    fields = {**ModelOptions.__dataclass_fields__, **RunOptions.__dataclass_fields__}
    for parameter in commands.commands["fit"].params:
        if parameter.name in fields and parameter.name not in ("n_components", "seed"):
            assert parameter.default == fields[parameter.name].default, parameter.name
    for name, function in (("import", import_network), ("coexpress", coexpression)):
        signature = inspect.signature(function).parameters
        for parameter in commands.commands[name].params:
            if parameter.name in signature and isinstance(parameter.default, (str, float)):
                assert parameter.default == signature[parameter.name].default, parameter.name
