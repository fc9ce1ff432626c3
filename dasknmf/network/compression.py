"""Compression of the chunks of a network store."""

from __future__ import annotations

from typing import Any, Literal, get_args

Codec = Literal["none", "lz4", "zstd"]
CODECS: tuple[Codec, ...] = get_args(Codec)


def compressors(codec: Codec) -> list[Any]:
    """Return the codecs of a chunk, which end with a CRC-32C."""
    from zarr.codecs import BloscCodec, Crc32cCodec

    if codec == "none":
        return [Crc32cCodec()]
    level = {"lz4": 5, "zstd": 3}[codec]
    return [BloscCodec(cname=codec, clevel=level, shuffle="shuffle"), Crc32cCodec()]
