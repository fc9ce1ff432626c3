"""S3 through obstore."""

from __future__ import annotations

import configparser
import os
import re
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from dasknmf.errors import InputError, missing_dependency
from dasknmf.storage.troubles import Trouble, trouble_of_status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from obstore.store import S3Config

    from dasknmf.storage.objects import Content
    from dasknmf.storage.settings import Settings

#: Options of s3fs, and what obstore calls them.
_NAMES = {
    "key": "access_key_id",
    "secret": "secret_access_key",
    "token": "session_token",
    "endpoint_url": "endpoint",
    "anon": "skip_signature",
    "requester_pays": "request_payer",
    "region": "region",
}
#: The same of ``client_kwargs``.
_CLIENT_NAMES = {
    "endpoint_url": "endpoint",
    "region_name": "region",
    "aws_access_key_id": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
    "aws_session_token": "session_token",
}
#: Objects from this size take longer to send than the store may be silent; bytes.
BULK = 32 * 2**20
#: Seconds in which an object of 5 GiB, the largest that is sent in one piece, can be sent.
BULK_SECONDS = 1800.0
_SENT_IN_ONE = 5 * 2**30
#: Seconds for a connection.
CONNECT = "10s"


def prefers_s3fs(given: dict[str, Any]) -> bool:
    """Tell whether s3fs is needed for these options, or is all there is."""
    if find_spec("s3fs") is None:
        return False
    if find_spec("obstore") is None:
        return True
    if _unknown(given):
        return True
    # single sign-on, roles and processes are known to botocore alone
    return not _has_keys(given) and _profile() is not None and "access_key_id" not in (_profile() or {})


class ObstoreClient:
    """One bucket through obstore, which makes each request once.

    Parameters
    ----------
    bucket : str
        Its name.
    given : dict
        Options as s3fs takes them: ``key``, ``secret``, ``token``, ``endpoint_url``, ``anon``, ``client_kwargs``.
    settings : Settings
        How long silence may last.

    Raises
    ------
    MissingDependencyError
        If obstore is not there.
    InputError
        If an option has no meaning for it.
    """

    conditional = True

    def __init__(self, bucket: str, given: dict[str, Any], settings: Settings) -> None:
        try:
            import obstore
        except ImportError as error:
            raise missing_dependency("obstore", extra="s3", purpose="s3://") from error
        self._obstore = obstore
        self.bucket, self.settings = bucket, settings
        unknown = _unknown(given)
        if unknown:
            msg = (
                f"storage option {unknown[0]!r} is not known to obstore; leave it out, or say backend: s3fs "
                "(pip install 'dasknmf[s3fs]')"
            )
            raise InputError(msg)
        self._config, self.credentials = _configured(given)
        # what is wrong with an address is said here, not at the first request
        _ = self._store

    def _open(self, seconds: float) -> Any:
        from obstore.store import S3Store

        endpoint = str(self._config.get("endpoint") or _endpoint_of_environment())
        try:
            return S3Store(
                self.bucket,
                config=cast("S3Config", self._config),
                client_options={
                    "allow_http": endpoint.startswith("http://"),
                    "connect_timeout": CONNECT,
                    "read_timeout": f"{max(1, round(1000 * seconds))}ms",
                    "timeout": f"{round(max(BULK_SECONDS, seconds))}s",
                },
                # patience is kept in one place
                retry_config={"max_retries": 0},
            )
        except (self._obstore.exceptions.BaseError, ValueError) as error:
            msg = f"s3://{self.bucket}: {type(error).__name__} of the storage options; check endpoint_url and region"
            raise InputError(msg) from None

    @cached_property
    def _store(self) -> Any:
        return self._open(self.settings.read_timeout)

    @cached_property
    def _bulk(self) -> Any:
        return self._open(max(BULK_SECONDS, self.settings.read_timeout))

    def get(self, key: str, first: int | None, last: int | None) -> tuple[Content, str | None]:
        """Return the bytes [first, last) of an object, or all of them, and its entity tag."""
        if first is None:
            found = self._obstore.get(self._store, key)
            return memoryview(found.bytes()), found.meta["e_tag"]
        if last is None:
            found = self._obstore.get(self._store, key, options={"range": {"offset": first}})
            return memoryview(found.bytes()), found.meta["e_tag"]
        return memoryview(self._obstore.get_range(self._store, key, start=first, end=last)), None

    def put(self, key: str, content: Content, only: str | None) -> None:
        """Write an object; with ``only`` where it still has that tag, or where nothing is there."""
        mode: Any = "overwrite" if only is None else {"e_tag": only} if only else "create"
        store = self._store if len(content) < BULK else self._bulk
        parts = len(content) >= _SENT_IN_ONE
        self._obstore.put(store, key, content, mode=mode, use_multipart=parts)

    def size(self, key: str) -> int:
        """Return the bytes of an object."""
        return int(self._obstore.head(self._store, key)["size"])

    def names(self, prefix: str, *, deep: bool) -> list[str]:
        """Return the keys below a prefix; not deep, only the next parts of their names."""
        if deep:
            return [about["path"] for page in self._obstore.list(self._store, prefix) for about in page]
        found = self._obstore.list_with_delimiter(self._store, prefix)
        paths = [*found["common_prefixes"], *(about["path"] for about in found["objects"])]
        return [str(path).rstrip("/").rsplit("/", 1)[-1] for path in paths]

    def delete(self, keys: Sequence[str]) -> None:
        """Remove objects that may be there."""
        self._obstore.delete(self._store, list(keys))

    def explain(self, error: BaseException) -> Trouble | None:
        """Say what an exception is; obstore tells status and code in its text alone."""
        kinds = self._obstore.exceptions
        text = str(error)
        code = re.search(r"<Code>(.*?)</Code>", text)
        status = re.search(r"status code: (\d{3})", text)
        if isinstance(error, FileNotFoundError) and not (code and code[1] == "NoSuchBucket"):
            return Trouble("absent", "404")
        if isinstance(error, (kinds.AlreadyExistsError, kinds.PreconditionError)):
            return Trouble("taken", "412")
        if isinstance(error, (kinds.BaseError, FileNotFoundError)):
            if status:
                return trouble_of_status(int(status[1]), code[1] if code else "")
            if isinstance(error, (kinds.PermissionDeniedError, kinds.UnauthenticatedError)):
                return Trouble("refused", "denied")
            if "169.254." in text or "credential" in text.lower():
                return Trouble("refused", "there are none")
            if isinstance(error, (kinds.NotSupportedError, kinds.InvalidPathError)):
                return Trouble("lasting", type(error).__name__)
            return Trouble("passing", _network(text))
        if isinstance(error, OSError):
            return Trouble("passing", type(error).__name__)
        return None


def _network(text: str) -> str:
    """Say in a few words what went wrong on the way; the text itself may quote a request."""
    lowered = text.lower()
    for sign, said in (
        ("timed out", "no answer in time"),
        ("timedout", "no answer in time"),
        ("refused", "connection refused"),
        ("reset", "connection reset"),
        ("dns", "no such host"),
        ("incomplete", "the answer was cut short"),
        ("end of file", "the answer was cut short"),
        ("decoding", "the answer was damaged"),
        ("xml", "the answer was damaged"),
    ):
        if sign in lowered:
            return said
    return "the connection failed"


def _unknown(given: dict[str, Any]) -> list[str]:
    of_client = given.get("client_kwargs") or {}
    return sorted(
        [name for name in given if name not in _NAMES and name not in ("client_kwargs", "profile")]
        + [f"client_kwargs: {name}" for name in of_client if name not in _CLIENT_NAMES]
    )


def _has_keys(given: dict[str, Any]) -> bool:
    of_client = given.get("client_kwargs") or {}
    return bool(
        given.get("key")
        or given.get("anon")
        or of_client.get("aws_access_key_id")
        or os.environ.get("AWS_ACCESS_KEY_ID")
    )


def _endpoint_of_environment() -> str:
    """Return the address that obstore itself takes from the environment."""
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    return next((value for name in names if (value := os.environ.get(name))), "")


def _configured(given: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the configuration of obstore, and where its credentials come from."""
    # variables of fsspec, such as FSSPEC_S3_ENDPOINT_URL, count here too
    from fsspec.config import conf

    of_fsspec = {name: value for name, value in conf.get("s3", {}).items() if name in _NAMES}
    merged = {**of_fsspec, **given}
    config = {
        theirs: merged[ours] for ours, theirs in _NAMES.items() if merged.get(ours) not in (None, "", False)
    }
    for ours, theirs in _CLIENT_NAMES.items():
        value = (given.get("client_kwargs") or {}).get(ours)
        if value and theirs not in config:
            config[theirs] = value
    if config.get("skip_signature"):
        return config, "nowhere (anon)"
    if "access_key_id" in config:
        return (
            config,
            "the storage options (--storage-options FILE, DASKNMF_STORAGE_OPTIONS or storage_options=)",
        )
    if os.environ.get("AWS_ACCESS_KEY_ID") and not given.get("profile"):
        return config, "the environment (AWS_ACCESS_KEY_ID)"
    profile = _profile(given.get("profile"))
    if profile is not None:
        named = given.get("profile") or os.environ.get("AWS_PROFILE") or "default"
        return {**profile, **config}, f"profile {named!r} of the AWS credentials file"
    return config, "the machine (no keys in the storage options, the environment or the AWS credentials file)"


def _profile(name: str | None = None) -> dict[str, Any] | None:
    """Return keys, region and endpoint of a profile in the files of AWS, if there is one."""
    name = name or os.environ.get("AWS_PROFILE") or "default"
    home = Path("~/.aws").expanduser()
    files = {
        "AWS_CONFIG_FILE": (home / "config", name if name == "default" else f"profile {name}"),
        "AWS_SHARED_CREDENTIALS_FILE": (home / "credentials", name),
    }
    found: dict[str, Any] = {}
    there = False
    for variable, (usual, section) in files.items():
        parser = configparser.RawConfigParser()
        try:
            parser.read(os.environ.get(variable) or usual, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        if not parser.has_section(section):
            continue
        there = True
        held = dict(parser.items(section))
        names = {
            **{f"aws_{one}": one for one in ("access_key_id", "secret_access_key", "session_token")},
            "region": "region",
            "endpoint_url": "endpoint",
        }
        found |= {theirs: held[ours] for ours, theirs in names.items() if held.get(ours)}
    return found if there else None
