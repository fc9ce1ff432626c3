"""Any fsspec file system, and S3 through s3fs."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from dasknmf.errors import InputError, missing_dependency
from dasknmf.storage.troubles import Trouble, trouble_of_status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dasknmf.storage.objects import Content
    from dasknmf.storage.settings import Settings

#: Seconds for a connection.
CONNECT = 10.0
#: Objects are sent to S3 in one piece up to this size, bytes.
_SENT_IN_ONE = 5 * 2**30


class FsspecClient:
    """A file system behind a URL that is not S3; conditional writes are not known to it.

    Parameters
    ----------
    where : str
        A URL of it.
    given : dict
        Options of the fsspec file system.

    Raises
    ------
    MissingDependencyError
        If its library is not there.
    InputError
        If the protocol is not known.
    """

    conditional = False
    credentials = "the storage options or the environment"

    def __init__(self, where: str, given: dict[str, Any]) -> None:
        import fsspec

        try:
            self.files, _ = fsspec.core.url_to_fs(where, **given)
        except ImportError as error:
            purpose = f"{where.partition('://')[0]}:// ({error})"
            raise missing_dependency("an fsspec file system", extra="s3", purpose=purpose) from error
        except ValueError as error:
            msg = f"{where}: {error}; needs a path, or a URL such as s3://bucket/network.zarr"
            raise InputError(msg) from error

    def key_of(self, where: str) -> str:
        """Return the path of a URL in the file system."""
        stripped = self.files._strip_protocol(where)
        return str(stripped).rstrip("/")

    def get(self, key: str, first: int | None, last: int | None) -> tuple[Content, str | None]:
        """Return the bytes [first, last) of a file, or all of them; no tag is known."""
        return self.files.cat_file(key, start=first, end=last), None

    def put(self, key: str, content: Content, only: str | None) -> None:  # noqa: ARG002 - not conditional
        """Write a file."""
        parent = key.rpartition("/")[0]
        if parent:
            self.files.makedirs(parent, exist_ok=True)
        self.files.pipe_file(key, bytes(content))

    def size(self, key: str) -> int:
        """Return the bytes of a file."""
        self.files.invalidate_cache()
        about = self.files.info(key)
        if about["type"] == "directory":
            raise FileNotFoundError(key)
        return int(about["size"] or 0)

    def names(self, prefix: str, *, deep: bool) -> list[str]:
        """Return the paths below a folder; not deep, only the names in it."""
        self.files.invalidate_cache()
        if deep:
            return [
                str(path) for path in self.files.find(prefix) if str(path).strip("/") != prefix.strip("/")
            ]
        found = [str(path).rstrip("/") for path in self.files.ls(prefix, detail=False)]
        return [path.rsplit("/", 1)[-1] for path in found if path.strip("/") != prefix.strip("/")]

    def delete(self, keys: Sequence[str]) -> None:
        """Remove files that may be there, or a folder."""
        for key in keys:
            try:
                self.files.rm(key, recursive=True)
            except (FileNotFoundError, IsADirectoryError):
                continue

    def explain(self, error: BaseException) -> Trouble | None:
        """Say what an exception is, by its kind and by the answer that caused it, if it has one."""
        for one in _causes(error):
            response = getattr(one, "response", None)
            if isinstance(response, dict) and "Error" in response:
                status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
                code = str(response["Error"].get("Code", ""))
                return trouble_of_status(int(status or 0) or 400, code)
            if type(one).__name__ in ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"):
                return Trouble("refused", "there are none")
            # how s3fs, and with it aiobotocore, tell of a connection
            if type(one).__module__.split(".")[0] in ("aiohttp", "botocore", "aiobotocore", "urllib3"):
                lasting = type(one).__name__ in ("ParamValidationError", "InvalidRegionError")
                return Trouble("lasting" if lasting else "passing", type(one).__name__)
        if isinstance(error, (ValueError, KeyError)) and _raised_in_an_answer(error):
            return Trouble("passing", "the answer was damaged")
        if isinstance(error, (FileNotFoundError, NotADirectoryError, IsADirectoryError)):
            return Trouble("absent", "not found")
        if isinstance(error, PermissionError):
            return Trouble("refused", "permission denied")
        if isinstance(error, (OSError, TimeoutError, asyncio.TimeoutError)):
            return Trouble("passing", type(error).__name__)
        return None


class S3fsClient(FsspecClient):
    """One bucket through s3fs.

    Parameters
    ----------
    bucket : str
        Its name.
    given : dict
        Options of ``s3fs.S3FileSystem``.
    settings : Settings
        How long silence may last.

    Raises
    ------
    MissingDependencyError
        If s3fs is not there.
    """

    conditional = True

    def __init__(self, bucket: str, given: dict[str, Any], settings: Settings) -> None:
        try:
            from s3fs import S3FileSystem
        except ImportError as error:
            raise missing_dependency("s3fs", extra="s3fs", purpose="s3:// with backend: s3fs") from error
        self.bucket = bucket
        config = {
            "connect_timeout": CONNECT,
            "read_timeout": settings.read_timeout,
            # patience is kept in one place
            "retries": {"total_max_attempts": 1},
            **given.get("config_kwargs", {}),
        }
        self.files = S3FileSystem(**{**given, "config_kwargs": config, "use_listings_cache": False})
        self.files.retries = 1
        self.credentials = _source(given)

    def get(self, key: str, first: int | None, last: int | None) -> tuple[Content, str | None]:
        """Return the bytes [first, last) of an object, or all of them, and its entity tag."""
        from fsspec.asyn import sync

        return sync(self.files.loop, self._get, key, first, last)  # type: ignore[no-any-return]

    async def _get(self, key: str, first: int | None, last: int | None) -> tuple[bytes, str | None]:
        span = {} if first is None else {"Range": f"bytes={first}-{'' if last is None else last - 1}"}
        found = await self.files._call_s3("get_object", Bucket=self.bucket, Key=key, **span)
        async with found["Body"] as body:
            return await body.read(), found.get("ETag")

    def put(self, key: str, content: Content, only: str | None) -> None:
        """Write an object; with ``only`` where it still has that tag, or where nothing is there."""
        if len(content) >= _SENT_IN_ONE:
            self.files.pipe_file(f"{self.bucket}/{key}", content)
            return
        condition = {} if only is None else {"IfMatch": only} if only else {"IfNoneMatch": "*"}
        self.files.call_s3("put_object", Bucket=self.bucket, Key=key, Body=bytes(content), **condition)

    def size(self, key: str) -> int:
        """Return the bytes of an object."""
        found = self.files.call_s3("head_object", Bucket=self.bucket, Key=key)
        return int(found["ContentLength"])

    def names(self, prefix: str, *, deep: bool) -> list[str]:
        """Return the keys below a prefix; not deep, only the next parts of their names."""
        folder = f"{prefix.rstrip('/')}/" if prefix else ""
        found = list(self._pages(folder, {} if deep else {"Delimiter": "/"}))
        return found if deep else [key.removeprefix(folder).rstrip("/") for key in found if key != folder]

    def _pages(self, folder: str, more: dict[str, str]) -> Iterator[str]:
        asked: dict[str, str] = {}
        while True:
            page = self.files.call_s3("list_objects_v2", Bucket=self.bucket, Prefix=folder, **more, **asked)
            yield from (about["Key"] for about in page.get("Contents", ()))
            yield from (about["Prefix"] for about in page.get("CommonPrefixes", ()))
            if not page.get("IsTruncated"):
                return
            asked = {"ContinuationToken": page["NextContinuationToken"]}

    def delete(self, keys: Sequence[str]) -> None:
        """Remove objects that may be there."""
        for first in range(0, len(keys), 1000):
            part = [{"Key": key} for key in keys[first : first + 1000]]
            answer = self.files.call_s3(
                "delete_objects", Bucket=self.bucket, Delete={"Objects": part, "Quiet": True}
            )
            if answer.get("Errors"):
                msg = "some objects were not removed"
                raise OSError(msg)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what it was raised from."""
    seen = 0
    one: BaseException | None = error
    while one is not None and seen < 8:
        yield one
        one, seen = one.__cause__ or one.__context__, seen + 1


def _raised_in_an_answer(error: BaseException) -> bool:
    """Tell whether an exception comes from reading what a server said: botocore takes each date on trust."""
    trace, module = error.__traceback__, ""
    while trace is not None:
        module, trace = trace.tb_frame.f_globals.get("__name__", ""), trace.tb_next
    return module.split(".")[0] in ("botocore", "aiobotocore", "dateutil", "s3fs") or module == __name__


def _source(given: dict[str, Any]) -> str:
    """Say where s3fs takes its credentials from."""
    if given.get("anon"):
        return "nowhere (anon)"
    if given.get("key") or (given.get("client_kwargs") or {}).get("aws_access_key_id"):
        return "the storage options (--storage-options FILE, DASKNMF_STORAGE_OPTIONS or storage_options=)"
    if os.environ.get("AWS_ACCESS_KEY_ID"):
        return "the environment (AWS_ACCESS_KEY_ID)"
    return "the AWS files, or the machine (no keys in the storage options or the environment)"
