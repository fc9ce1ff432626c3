"""One option says where, the same for every command that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import pytest
import yaml
from click.testing import CliRunner

import dasknmf
from dasknmf.cli import commands
from dasknmf.cli.shared import config_option, memory_limit_option, scheduler_option, workers_option
from dasknmf.cluster import Cluster, Slurm
from dasknmf.errors import InputError
from tests.conftest import planted

if TYPE_CHECKING:
    from pathlib import Path

RUN = ("fit", "survey", "nest", "symmetry", "compare", "demo")


def said_by(*arguments: str) -> Any:
    """What a command gets as ``scheduler``, with these arguments."""
    heard: list[Any] = []

    @click.command()
    @scheduler_option
    @workers_option
    @memory_limit_option
    @config_option
    def command(scheduler: Any, **_: Any) -> None:
        heard.append(scheduler)

    CliRunner().invoke(command, list(arguments), catch_exceptions=False)
    return heard[0]


@pytest.mark.parametrize("name", RUN)
def test_every_command_that_runs_has_them(name: str) -> None:
    options = {opt for parameter in commands.commands[name].params for opt in parameter.opts}
    assert {"--cluster", "--scheduler", "--workers", "--memory-limit", "--tls", "--insecure"} <= options


def test_what_a_command_gets_is_one_description() -> None:
    assert said_by() == Cluster()
    both = [said_by(option, "local", "--workers", "3") for option in ("--cluster", "--scheduler")]
    assert both == [Cluster("local", workers=3)] * 2
    slurm = said_by("--cluster", "slurm", "--memory-limit", "2GiB", "--insecure")
    assert slurm == Cluster("slurm", memory=2**31, insecure=True)
    there = said_by("--cluster", "tls://h:1", "--tls", "certs")
    assert there == Cluster("address", address="tls://h:1", tls="certs")  # type: ignore[arg-type]


def test_a_configuration_file_describes_one_too(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    for name in ("cluster", "scheduler"):
        held = {name: {"kind": "slurm", "slurm": {"partition": "long"}}, "memory_limit": "1GiB", "workers": 2}
        file.write_text(yaml.safe_dump(held))
        expected = Cluster("slurm", workers=2, memory=2**30, slurm=Slurm("long"))
        assert said_by("--config", str(file)) == expected
    assert said_by("--config", str(file), "--cluster", "threads") == Cluster(workers=2, memory=2**30)


def test_what_means_nothing_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="insecure means nothing to threads"):
        said_by("--insecure")
    with pytest.raises(InputError, match="tls means nothing to threads"):
        said_by("--tls", "certs")


def test_a_fit_on_what_a_file_describes(tmp_path: Path) -> None:
    dasknmf.import_network(planted(40, 2, seed=0), tmp_path / "net.zarr")
    (tmp_path / "cluster.yaml").write_text("kind: threads\nworkers: 2\nmemory: 4GiB\n")
    done = CliRunner().invoke(
        commands,
        [
            "-q",
            "fit",
            f"{tmp_path}/net.zarr",
            "-k",
            "2",
            "-o",
            f"{tmp_path}/f",
            "--cluster",
            f"{tmp_path}/cluster.yaml",
        ],
        catch_exceptions=False,
    )
    assert done.exit_code == 0
    assert dasknmf.load(tmp_path / "f").sizes["factor"] == 2
