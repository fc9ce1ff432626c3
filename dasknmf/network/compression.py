"""Compression of the chunks of a network store.

On co-expression tiles of 2,048² (|r|⁶ of 57 samples), two threads, from memory: MiB, and ms to decompress and decode.

| storage | none | lz4 | zstd |
|---|---|---|---|
| float32 | 16.0, 3 ms | 14.4, 11 ms | 14.5, 21 ms |
| float16 | 8.0, 5 ms | 7.5, 6 ms | 7.6, 10 ms |
| uint16 | 8.0, 4 ms | 6.1, 11 ms | 5.1, 27 ms |
| uint8 | 4.0, 4 ms | 2.2, 6 ms | 1.6, 9 ms |

So nothing is compressed by default: floats hardly become smaller. By this table zstd pays where a disk or network gives
two threads less than 0.2 GB/s for uint16, or 0.9 for uint8; where it gives far less, these are read in 0.6 and 0.4 of
the time. Dense tiles are shuffled by
bits: float32 with lz4 is then 14.4 MiB instead of 16.0, and uint8 2.2 instead of 2.8. More effort than level 1 of zstd
gains less than 3 %.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

Codec = Literal["none", "lz4", "zstd"]
CODECS: tuple[Codec, ...] = get_args(Codec)


def compressors(codec: Codec | None, *, dense: bool) -> list[Any]:
    """Return the codecs of a chunk, which end with a CRC-32C.

    Parameters
    ----------
    codec : {"none", "lz4", "zstd"}, optional
        Compression; by default none of dense tiles, and zstd of edges.
    dense : bool
        Whether weights of a dense tile are to be compressed, rather than indices and weights of edges.
    """
    from zarr.codecs import BloscCodec, Crc32cCodec

    codec = codec or ("none" if dense else "zstd")
    if codec == "none":
        return [Crc32cCodec()]
    level = {"lz4": 5, "zstd": 1 if dense else 3}[codec]
    shuffle: Literal["shuffle", "bitshuffle"] = "bitshuffle" if dense else "shuffle"
    return [BloscCodec(cname=codec, clevel=level, shuffle=shuffle), Crc32cCodec()]


def of_text() -> list[Any]:
    """Return the codecs of a chunk of text, or of anything small: zarr's own, and a CRC-32C that is looked at first."""
    from zarr.codecs import Crc32cCodec, ZstdCodec

    return [ZstdCodec(level=0), Crc32cCodec()]
