"""Checksums of chunks: a CRC-32C at the end of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dasknmf.storage.objects import Content

#: Bytes of a CRC-32C.
CHECKSUM_BYTES = 4


def ends_with_its_checksum(content: Content) -> bool:
    """Tell whether bytes end with the CRC-32C of those before, as chunks with the codec ``crc32c`` do.

    Examples
    --------
    >>> import google_crc32c
    >>> content = b"weights" + google_crc32c.value(b"weights").to_bytes(4, "little")
    >>> ends_with_its_checksum(content), ends_with_its_checksum(b"W" + content[1:])
    (True, False)
    """
    import google_crc32c
    import numpy as np

    if len(content) < CHECKSUM_BYTES:
        return False
    array = np.frombuffer(content, dtype=np.uint8)
    expected = int.from_bytes(bytes(array[-CHECKSUM_BYTES:]), "little")
    return int(google_crc32c.value(array[:-CHECKSUM_BYTES])) == expected


def checked_codecs() -> list[Any]:
    """Return the codecs of arrays that have no choice of their own: Zstandard, then a CRC-32C."""
    from zarr.codecs import Crc32cCodec, ZstdCodec

    return [ZstdCodec(), Crc32cCodec()]
