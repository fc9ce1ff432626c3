"""Where stores live: local paths and URLs, their options, objects asked for with patience, stores seen whole.

Every request to an object store is made by :class:`dasknmf.storage.objects.Objects`, for Zarr and for all else, through
whichever library. What passes (5xx, refused and reset connections, answers cut short or silent, damaged listings) is
asked for again, with growing pauses and for a bounded time, and the log says what is waited for. Wrong credentials and
what is not there are said at once. A chunk is compared with its CRC-32C on arrival, other objects with their entity
tag or with a second reading, so that a byte that was changed on the way is read again; one that was changed in the
store is an error.

Credentials come from the environment, from the files of AWS, or from storage options: a file, or the argument of a
Python function. They are written to no store, result, checkpoint or log, and no error shows them. The workers of a
Dask cluster get the storage options inside the tasks, through the scheduler: they are in its memory, and on the wire as
plain as the connection is. So give a cluster that is not on loopback TLS, or give its workers their own credentials
(environment, secret, role of the machine) and the client options without keys.
"""

from dasknmf.storage.checksums import (
    CHECKSUM_BYTES,
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
