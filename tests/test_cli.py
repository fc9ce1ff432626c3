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
from dasknmf.cli import commands, main
from tests.conftest import planted

if TYPE_CHECKING:
    from collections.abc import Callable
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
    model = json.loads(fitted.stdout)["models"]["hals-k3"]
    fit = dasknmf.load(folder / "fit.zarr")
    assert model["relative_error"] == fit.attrs["relative_error"]
    assert "sketch: read 1 of at most 8, 100.0% of ‖A‖² in its leading part" in fitted.stderr
    assert "iteration(s) on A" in model["stop_reason"]
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


def test_references_beside_a_fit(folder: Path) -> None:
    dasknmf_command("import", "edges.tsv", "net.zarr", cwd=folder)
    solvers = "hals,svd,spectral,random-projection"
    many = [
        "fit",
        "net.zarr",
        "-k",
        "3",
        "--seed",
        "0:2",
        "--solver",
        solvers,
        "--init",
        "random",
        "--tau",
        "1",
    ]
    done = dasknmf_command(*many, "--max-iter", "300", "-o", "fits.zarr", "--json", "--strict", cwd=folder)
    models = json.loads(done.stdout)["models"]
    of_seed = ("hals-k3-seed0", "hals-k3-seed1", "spectral-k3-tau=1", "spectral-k3-seed1-tau=1")
    assert {*of_seed, "svd-k3", "random-projection-k3", "random-projection-k3-seed1"} == set(models)
    assert all(models["svd-k3"]["relative_error"] <= model["relative_error"] for model in models.values())
    assert (dasknmf.load(folder / "fits.zarr")["spectral-k3-tau=1"]["label"] >= 0).all()
    shown = dasknmf_command("top-genes", "fits.zarr", "--model", "spectral-k3-tau=1", cwd=folder).stdout
    assert len(shown.splitlines()) == 6
    refused = dasknmf_command("survey", "net.zarr", "--solver", "svd", "-o", "s.zarr", cwd=folder, check=1)
    assert "solver 'svd' is no iteration, so it has no restarts to survey" in refused.stderr
    refused = dasknmf_command("fit", "net.zarr", "-k", "2", "--tau", "1", "-o", "f.zarr", cwd=folder, check=1)
    assert "tau=1.0: solver 'hals' has no tau; leave it out" in refused.stderr


def test_solvers_are_listed() -> None:
    rows = [line.split("\t") for line in invoke("solvers").output.splitlines()]
    assert {len(row) for row in rows} == {6}
    listed = json.loads(invoke("solvers", "--json").output)["solvers"]
    assert (
        [row["name"] for row in listed]
        == [row[0] for row in rows[1:]]
        == dasknmf.list_solvers().index.tolist()
    )
    assert {row["name"]: row["rounds"] for row in listed}["hals"] == 2
    assert "dasknmf solvers" in invoke("fit", "--help").output
    assert "hals or mu" not in invoke("fit", "--help").output + invoke("survey", "--help").output


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
    assert "'rank' is not an option of fit; there are: alpha, as_json, beta, bound" in refused.stderr


def test_a_config_file_may_hold_lists(folder: Path) -> None:
    dasknmf_command("import", "edges.tsv", "net.zarr", "--columns", "1, 2,3", cwd=folder)
    config = {
        "solver": ["hals", "mu"],
        "seed": [3, "4:6"],
        "n_components": [2, 3],
        "init": "random",
        "max_iter": 2,
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(config))
    done = dasknmf_command("fit", "net.zarr", "--config", "run.yaml", "-o", "f.zarr", "--json", cwd=folder)
    models = json.loads(done.stdout)["models"]
    assert len(models) == 12
    assert {"hals-k2-seed3", "mu-k3-seed5"} <= set(models)
    (folder / "run.yaml").write_text("{solver: [], seed: [true]}")
    refused = dasknmf_command(
        "fit", "net.zarr", "--config", "run.yaml", "-o", "x", "-k", "2", cwd=folder, check=2
    )
    assert "give one name" in refused.stderr or "give whole numbers" in refused.stderr
    (folder / "columns.yaml").write_text("columns: [gene1, gene2, weight]\n")
    dasknmf_command("import", "edges.tsv", "again.zarr", "--config", "columns.yaml", cwd=folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"tol: \xff\n", "config run.yaml: is not text in UTF-8 (byte 6)"),
        (b"tol: 1\nseed: hidden: hidden\n", "config run.yaml: is neither JSON nor YAML at line 2 ("),
        (b"[1, 2]", "config run.yaml: holds list, needs a mapping"),
    ],
)
def test_a_config_file_that_cannot_be_read(folder: Path, content: bytes, message: str) -> None:
    (folder / "run.yaml").write_bytes(content)
    refused = dasknmf_command("fit", "n", "-k", "2", "-o", "x", "--config", "run.yaml", cwd=folder, check=1)
    assert message in refused.stderr
    assert "hidden" not in refused.stderr


@pytest.mark.parametrize("options", [["--no-bound"], ["--diagonal", "ignore"]])
def test_json_has_null_where_there_is_no_number(folder: Path, options: list[str]) -> None:
    dasknmf.import_network(planted(40, 3, seed=0), folder / "net.zarr")
    arguments = [
        "-q",
        "fit",
        str(folder / "net.zarr"),
        "-k",
        "2",
        "--init",
        "random",
        "--max-iter",
        "2",
        "--polish",
        "0",
        "--json",
    ]
    done = invoke(*arguments, *options, "-o", str(folder / "fit.zarr"))

    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is not JSON")

    (model,) = json.loads(done.stdout, parse_constant=refuse)["models"].values()
    assert model["eckart_young"] is None
    assert model["n_iter"] == 2


@pytest.mark.cluster
def test_dask_says_nothing_through_the_command_line(folder: Path) -> None:
    dasknmf.import_network(planted(40, 3, seed=0), folder / "net.zarr")
    arguments = ["fit", "net.zarr", "-k", "2", "--exact", "--no-bound", "--init", "random", "--max-iter", "2"]
    arguments += ["--scheduler", "local", "--workers", "1"]
    quiet = dasknmf_command("-q", *arguments, "-o", "quiet.zarr", cwd=folder)
    loud = dasknmf_command(*arguments, "-o", "loud.zarr", cwd=folder)
    for line in ("Scheduler at", "Start Nanny", "Receive client connection"):
        assert line not in quiet.stderr + loud.stderr
    assert "iteration 1: relative error" in loud.stderr
    assert "iteration 1: relative error" not in quiet.stderr


def test_what_the_machine_cannot_do_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails_with(error: BaseException) -> Callable[..., None]:
        def command(**_: object) -> None:
            raise error

        return command

    for error, line in (
        (
            OSError(28, "No space left on device", "net.zarr"),
            "OSError: [Errno 28] No space left on device: 'net.zarr'",
        ),
        (MemoryError(), "MemoryError"),
    ):
        monkeypatch.setattr("dasknmf.cli.commands", fails_with(error))
        monkeypatch.delenv("DASKNMF_DEBUG", raising=False)
        with pytest.raises(SystemExit) as left:
            main()
        assert left.value.code == 1
        assert capsys.readouterr().err == f"dasknmf: {line}; DASKNMF_DEBUG=1 shows where\n"
        monkeypatch.setenv("DASKNMF_DEBUG", "1")
        with pytest.raises(type(error)):
            main()


def test_a_checkpoint_in_no_folder_is_refused_before_the_fit(folder: Path) -> None:
    dasknmf.import_network(planted(40, 3, seed=0), folder / "net.zarr")
    arguments = ["fit", "net.zarr", "-k", "2", "-o", "fit.zarr", "--checkpoint", "nofolder/cp"]
    refused = dasknmf_command(*arguments, cwd=folder, check=1)
    assert refused.stderr == "dasknmf: nofolder is not a folder; make it first: mkdir -p nofolder\n"


def test_options_that_the_python_functions_have(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, object] = {}
    monkeypatch.setattr("dasknmf.demo.run_demo", lambda output, **options: given.update(options))
    invoke("demo", "--synthetic", "-k", "7", "--seed", "5")
    assert (given["n_components"], given["seed"]) == (7, 5)
    invoke("demo", "--synthetic")
    assert (given["n_components"], given["seed"]) == (None, 0)
    monkeypatch.setattr(
        "dasknmf.network.coexpression.coexpression",
        lambda source, place, **options: given.update(options) or dasknmf.open_network(place),
    )
    dasknmf.import_network(planted(40, 3, seed=0), folder / "net.zarr")
    invoke("coexpress", "e.tsv", str(folder / "net.zarr"), "--threads", "3")
    assert given["threads"] == 3
    nowhere = dasknmf_command("import", "edges.tsv", "n.zarr", "--temp-dir", "nowhere", cwd=folder, check=1)
    assert "temp_dir='nowhere' is not a folder" in nowhere.stderr
    dasknmf_command("import", "edges.tsv", "n.zarr", "--temp-dir", ".", cwd=folder)


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
    for command in ("import", "coexpress", "info", "fit", "top-genes", "export", "solvers", "demo"):
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
