"""Where stores live: local paths and URLs, their options, objects asked for with patience, stores seen whole."""

from dasknmf.storage.checksums import (
    CHECKSUM_BYTES,
    attributes_checksum,
    checked_codecs,
    ends_with_its_checksum,
)
from dasknmf.storage.files import open_file, read_whole
from dasknmf.storage.locations import Location, StorageOptions, absolute, is_remote, local_path
from dasknmf.storage.objects import NOTHING_THERE, Objects, expect, objects_at
from dasknmf.storage.opening import exists, open_store, publish, remove, require_folder, require_free
from dasknmf.storage.options import ENVIRONMENT_VARIABLE, read_mapping, read_storage_options
from dasknmf.storage.patience import Absent, Taken

__all__ = [
    "CHECKSUM_BYTES",
    "ENVIRONMENT_VARIABLE",
    "NOTHING_THERE",
    "Absent",
    "Location",
    "Objects",
    "StorageOptions",
    "Taken",
    "absolute",
    "attributes_checksum",
    "checked_codecs",
    "ends_with_its_checksum",
    "exists",
    "expect",
    "is_remote",
    "local_path",
    "objects_at",
    "open_file",
    "open_store",
    "publish",
    "read_mapping",
    "read_storage_options",
    "read_whole",
    "remove",
    "require_folder",
    "require_free",
]
