"""Certificates of one cluster: short-lived, of one CA whose key is gone, readable by their owner alone."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from dasknmf.cli import commands
from dasknmf.cluster import TLS
from dasknmf.cluster.certificates import ROLES, make_certificates
from dasknmf.cluster.security import security_of
from dasknmf.errors import InputError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("made") / "certs"
    # whatever the user's mask is
    before = os.umask(0)
    try:
        make_certificates(place, days=2)
    finally:
        os.umask(before)
    return place


def certificate(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def test_the_owner_alone_reads_the_keys(folder: Path) -> None:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    keys = sorted(folder.glob("*-key.pem"))
    assert [key.name for key in keys] == ["client-key.pem", "scheduler-key.pem", "worker-key.pem"]
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}


def test_the_key_of_the_ca_is_not_kept(folder: Path) -> None:
    public = certificate(folder / "ca.pem").public_key()
    for key in folder.glob("*-key.pem"):
        assert load_pem_private_key(key.read_bytes(), None).public_key() != public
    assert len(list(folder.iterdir())) == 7


@pytest.mark.parametrize("role", ROLES)
def test_each_role_has_a_certificate_of_that_ca_that_ends_soon(folder: Path, role: str) -> None:
    ca, made = certificate(folder / "ca.pem"), certificate(folder / f"{role}.pem")
    made.verify_directly_issued_by(ca)
    left = made.not_valid_after_utc - datetime.now(UTC)
    assert timedelta(days=1, hours=23) < left <= timedelta(days=2)
    purposes = set(made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    assert (ExtendedKeyUsageOID.SERVER_AUTH in purposes) == (role != "client")
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    # Dask takes them
    security = security_of(TLS.of_folder(folder, role=role))
    assert security.require_encryption
    assert security.get_connection_args("client")["ssl_context"] is not None


def test_the_key_of_another_role_is_refused(folder: Path) -> None:
    mixed = TLS(str(folder / "ca.pem"), str(folder / "client.pem"), str(folder / "worker-key.pem"))
    with pytest.raises(InputError, match=r"client.pem and .*worker-key.pem are no certificate and its key"):
        security_of(mixed)


def test_what_is_there_is_never_replaced(folder: Path, tmp_path: Path) -> None:
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(InputError, match="exists already, and keys are never replaced"):
        make_certificates(folder)
    assert before == {file.name: file.read_bytes() for file in folder.iterdir()}
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="exists already"):
        make_certificates(tmp_path / "empty")


@pytest.mark.parametrize("days", [0, -1, 366, 1.5, True, "2"])
def test_days_are_few_and_whole(tmp_path: Path, days: object) -> None:
    with pytest.raises(InputError, match="days="):
        make_certificates(tmp_path / "certs", days=days)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a folder; make it first: mkdir -p"):
        make_certificates(tmp_path / "no" / "certs")
    with pytest.raises(InputError, match="keys belong on a local disk"):
        make_certificates("s3://bucket/certs")


def test_nothing_is_left_of_one_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        make_certificates(tmp_path / "certs")
    assert not list(tmp_path.iterdir())


def test_the_command_says_what_to_type_next(tmp_path: Path) -> None:
    place = str(tmp_path / "my certs")
    said = CliRunner().invoke(commands, ["certs", place], catch_exceptions=False).stdout
    assert f"--tls-key '{place}'/scheduler-key.pem" in said
    assert "dask worker tls://HOST:8786" in said
    assert f"--cluster tls://HOST:8786 --tls '{place}'" in said
    assert "PRIVATE KEY" not in said
    made = CliRunner().invoke(commands, ["certs", str(tmp_path / "b"), "--days", "3", "--json"]).stdout
    until = datetime.now(UTC) + timedelta(days=3)
    assert json.loads(made)["valid_until"] in (
        f"{until:%Y-%m-%d}",
        f"{until - timedelta(minutes=1):%Y-%m-%d}",
    )
