"""Compressed streams whose own readers take more memory than they are given, or a cut file for a whole one."""

from __future__ import annotations

import io
import lzma
from typing import IO, TYPE_CHECKING, Any

from dasknmf.errors import missing_dependency

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

#: Bytes of zstd that are decompressed at once. Four of them can say 128 KiB, so at most 64 MiB come of these.
_ZSTD_READ = 2**11
#: Largest window of zstd, as its own program takes it without being told otherwise (``--long=27``).
_ZSTD_WINDOW = 2**27
#: Bytes that xz may take: its largest preset, -9, takes 65 MiB.
_XZ_MEMORY = 2**28
_XZ_READ, _XZ_MOST = 2**16, 2**20


class _Frames(io.RawIOBase):
    """All frames of a file, one after the other; a last one without its end is an error."""

    read_at_once = 1

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._frame: Any = None
        self._pending = b""
        self._plain = memoryview(b"")

    def begin(self) -> Any:
        """Return a decompressor for the next frame."""
        raise NotImplementedError

    def some(self, frame: Any, data: bytes) -> bytes:
        """Return what a frame makes of data, not without bound."""
        raise NotImplementedError

    def hungry(self, frame: Any) -> bool:
        """Tell whether a frame cannot go on without further bytes."""
        raise NotImplementedError

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill a buffer."""
        view = memoryview(buffer).cast("B")
        while not self._plain:
            if self._frame is None or self.hungry(self._frame):
                self._pending = self._pending or self._raw.read(self.read_at_once)
                if not self._pending:
                    if self._frame is not None:
                        msg = "the last frame has no end"
                        raise EOFError(msg)
                    return 0
            if self._frame is None:
                self._frame = self.begin()
            data, self._pending = self._pending, b""
            self._plain = memoryview(self.some(self._frame, data))
            if self._frame.eof:
                self._pending, self._frame = self._frame.unused_data, None
        part, self._plain = self._plain[: len(view)], self._plain[len(view) :]
        view[: len(part)] = part
        return len(part)


class ZstdFrames(_Frames):
    """All frames of a zstd file; zstandard's own reader takes a cut file for a whole one."""

    read_at_once = _ZSTD_READ

    def __init__(self, raw: IO[bytes]) -> None:
        try:
            import zstandard
        except ImportError as error:
            raise missing_dependency(library="zstandard", extra="zstd", purpose="reading .zst") from error
        super().__init__(raw)
        self._zstd = zstandard

    def begin(self) -> Any:
        """Return a decompressor for the next frame."""
        return self._zstd.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()

    def some(self, frame: Any, data: bytes) -> bytes:
        """Return what a frame makes of data."""
        try:
            return frame.decompress(data)  # type: ignore[no-any-return]
        except self._zstd.ZstdError as error:
            raise EOFError(str(error)) from error

    def hungry(self, frame: Any) -> bool:  # noqa: ARG002
        """Yes: a frame keeps nothing back."""
        return True


class XzStreams(_Frames):
    """All streams of an xz file, in bounded memory, whatever dictionary it asks for."""

    read_at_once = _XZ_READ

    def begin(self) -> Any:
        """Return a decompressor for the next stream."""
        return lzma.LZMADecompressor(memlimit=_XZ_MEMORY)

    def some(self, frame: Any, data: bytes) -> bytes:
        """Return what a stream makes of data."""
        return frame.decompress(data, _XZ_MOST)  # type: ignore[no-any-return]

    def hungry(self, frame: Any) -> bool:
        """Tell whether the stream has given all that it can."""
        return bool(frame.needs_input)
