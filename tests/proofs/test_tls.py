"""TLS on real processes: accepted with our CA; refused without, with another CA, with a wrong role, over plain tcp."""

from __future__ import annotations

import logging
import re
import socket
import ssl
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest

import dasknmf
from dasknmf.cluster import TLS, Cluster, read_cluster
from dasknmf.cluster.certificates import make_certificates
from dasknmf.errors import InputError
from tests.conftest import planted
from tests.rigs.dask_processes import dask_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.proof
OPTIONS = {"max_iter": 5, "tol": 0, "tol_objective": 0, "seed": 3, "init": "random", "exact": True}
#: The line of a PEM file after which its key comes.
KEY = "PRIVATE KEY-----"


@dataclass
class Encrypted:
    folder: Path
    address: str
    file: Path

    @property
    def plain(self) -> str:
        return self.address.replace("tls://", "tcp://")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    for name in ("certs", "others"):
        make_certificates(folder / name, days=1)
    dasknmf.import_network(planted(200, 4, seed=0), folder / "net.zarr", tile=64)
    return folder


def files(folder: Path, role: str) -> list[str]:
    held = TLS.of_folder(folder, role=role)
    return ["--tls-ca-file", held.ca, "--tls-cert", held.cert, "--tls-key", held.key]


@pytest.fixture(scope="module")
def encrypted(place: Path) -> Iterator[Encrypted]:
    with dask_cluster(
        place,
        scheduler_arguments=["--protocol", "tls", *files(place / "certs", "scheduler")],
        worker_arguments=files(place / "certs", "worker"),
        environment={"DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "True"},
    ) as (address, file):
        assert address.startswith("tls://127.0.0.1:")
        yield Encrypted(place, address, file)


def refused(scheduler: object, place: Path, match: str) -> str:
    with pytest.raises(InputError, match=match) as caught:
        dasknmf.nmf(place / "net.zarr", 4, scheduler=scheduler, **OPTIONS)
    message = str(caught.value)
    assert "\n" not in message
    assert KEY not in message
    return message


def test_a_fit_with_our_ca_has_the_bits_of_one_here(encrypted: Encrypted) -> None:
    here = dasknmf.nmf(encrypted.folder / "net.zarr", 4, scheduler="serial", **OPTIONS)
    for given in (encrypted.address, str(encrypted.file)):
        where = read_cluster(given, tls=encrypted.folder / "certs")
        there = dasknmf.nmf(encrypted.folder / "net.zarr", 4, scheduler=where, **OPTIONS)
        np.testing.assert_array_equal(there["W"], here["W"])


def test_on_the_command_line_too(encrypted: Encrypted) -> None:
    command = [sys.executable, "-m", "dasknmf", "fit", "net.zarr", "-k", "4", "-o", "fit.zarr"]
    done = subprocess.run(
        [*command, "--cluster", encrypted.address, "--tls", "certs"],
        cwd=encrypted.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "saved fit.zarr" in done.stdout
    assert KEY not in done.stdout + done.stderr


def test_refused_without_certificates(encrypted: Encrypted) -> None:
    refused(
        encrypted.address, encrypted.folder, r"TLS needs a CA, a certificate and a key; .* \(--tls FOLDER"
    )


def test_refused_with_the_certificates_of_another_ca(encrypted: Encrypted) -> None:
    where = read_cluster(encrypted.address, tls=encrypted.folder / "others", wait="3s")
    refused(where, encrypted.folder, "no Dask scheduler answers at tls://.* are of one CA")


def test_refused_with_a_certificate_of_another_ca_that_trusts_ours(encrypted: Encrypted) -> None:
    # the scheduler must look at the client's certificate, not only the client at the scheduler's
    other = TLS.of_folder(encrypted.folder / "others", role="client")
    where = Cluster(
        "address",
        address=encrypted.address,
        tls=TLS(str(encrypted.folder / "certs" / "ca.pem"), other.cert, other.key),
        wait=3,
    )
    refused(where, encrypted.folder, "no Dask scheduler answers at tls://.* are of one CA")


def test_refused_over_plain_tcp(encrypted: Encrypted) -> None:
    where = Cluster("address", address=encrypted.plain, wait=3)
    message = refused(where, encrypted.folder, "no Dask scheduler answers at tcp://")
    assert f"one that runs with TLS is at {encrypted.address}" in message


def test_a_client_cannot_pass_for_the_scheduler(place: Path) -> None:
    held = {role: TLS.of_folder(place / "certs", role=role) for role in ("scheduler", "client")}
    assert handshake(held["scheduler"], held["client"])
    assert not handshake(held["client"], held["scheduler"])


def handshake(server: TLS, client: TLS) -> bool:
    """Tell whether one takes the other's certificate, as Dask sets both sides up."""
    contexts = []
    for tls, purpose in ((server, ssl.Purpose.CLIENT_AUTH), (client, ssl.Purpose.SERVER_AUTH)):
        context = ssl.create_default_context(purpose, cafile=tls.ca)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(tls.cert, tls.key)
        contexts.append(context)
    one, two = (ssl.MemoryBIO(), ssl.MemoryBIO()), (ssl.MemoryBIO(), ssl.MemoryBIO())
    sides = [contexts[0].wrap_bio(*one, server_side=True), contexts[1].wrap_bio(*two)]
    done = [False, False]
    for _ in range(10):
        for i, (side, (_, out), (other, _)) in enumerate(zip(sides, (one, two), (two, one), strict=True)):
            try:
                side.do_handshake()
                done[i] = True
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                return False
            other.write(out.read())
    return all(done)


def test_a_plain_connection_gets_no_answer(encrypted: Encrypted) -> None:
    host, port = encrypted.plain.removeprefix("tcp://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n" * 8)
        answer = b""
        try:
            while part := connection.recv(4096):
                answer += part
        except (TimeoutError, ConnectionResetError):
            pass
    # at most an alert of TLS, which begins with 0x15, and nothing of Dask's
    assert answer[:1] in (b"", b"\x15")
    assert b"distributed" not in answer


def test_a_worker_of_another_ca_does_not_get_in(encrypted: Encrypted, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dask", "worker", encrypted.address, "--no-nanny", "--host", "127.0.0.1"]
    arguments = [
        "--death-timeout",
        "3",
        "--dashboard-address",
        "127.0.0.1:0",
        *files(encrypted.folder / "others", "worker"),
    ]
    done = subprocess.run(
        [*command, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert "Registered to" in (encrypted.folder / "worker-0.log").read_text()
    assert "Registered to" not in done.stderr
    assert "TLSV1_ALERT_UNKNOWN_CA" in (encrypted.folder / "scheduler.log").read_text()


def test_who_shows_no_certificate_does_not_get_in(encrypted: Encrypted) -> None:
    context = ssl.create_default_context(cafile=encrypted.folder / "certs" / "ca.pem")
    context.check_hostname = False
    host, port = encrypted.plain.removeprefix("tcp://").split(":")
    with (
        socket.create_connection((host, int(port)), timeout=10) as connection,
        context.wrap_socket(connection) as speaking,
        # in TLS 1.3 a client hears of it with what it reads next
        pytest.raises(ssl.SSLError, match="certificate required"),
    ):
        speaking.recv(1)


def test_no_key_is_in_a_log(encrypted: Encrypted, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        where = read_cluster(encrypted.address, tls=encrypted.folder / "certs")
        dasknmf.nmf(encrypted.folder / "net.zarr", 2, scheduler=where, **OPTIONS)
    logs = [path.read_text() for path in encrypted.folder.glob("*.log")]
    said = "\n".join([caplog.text, repr(where), str(where.as_dict()), *logs])
    secrets = [
        line
        for path in encrypted.folder.glob("certs/*-key.pem")
        for line in path.read_text().splitlines()
        if not line.startswith("-----")
    ]
    assert len(secrets) == 9
    assert not [line for line in secrets if line in said]
    assert not re.search(KEY, said)
