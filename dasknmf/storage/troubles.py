"""What can go wrong with a request to an object store, told apart by what is to be done about it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

#: ``absent``: there is no such object; ``refused``: the credentials; ``taken``: a conditional write found something
#: else; ``passing``: to be tried again; ``lasting``: anything that will be the same the next time.
Kind = Literal["absent", "refused", "taken", "passing", "lasting"]

#: Codes of S3 that say with a status of 4xx that the request or its answer was lost or damaged on the way.
_PASSING_CODES = frozenset(
    {
        "BadDigest",
        "ConditionalRequestConflict",
        "IncompleteBody",
        "OperationAborted",
        "RequestTimeout",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "XAmzContentSHA256Mismatch",
        "XAmzContentChecksumMismatch",
    }
)
#: Codes of wrong credentials, which some servers send with 400.
_REFUSING_CODES = frozenset(
    {"AccessDenied", "ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch"}
)
_PASSING_STATUS = frozenset({408, 409, 425, 429})


@dataclass(frozen=True)
class Trouble:
    """One kind of trouble, and what may be said of it: never the provider's own words, which may quote keys."""

    kind: Kind
    said: str


def trouble_of_status(status: int, code: str = "") -> Trouble:
    """Return the trouble that an HTTP status and a code of S3 tell.

    Examples
    --------
    >>> trouble_of_status(503, "SlowDown")
    Trouble(kind='passing', said='503 SlowDown')
    >>> trouble_of_status(403).kind, trouble_of_status(404, "NoSuchBucket").kind
    ('refused', 'lasting')
    """
    # a damaged answer may hold anything
    known = code if re.fullmatch(r"[A-Za-z0-9]{2,40}", code) else ""
    said = f"{status} {known}".strip()
    if status in (401, 403) or known in _REFUSING_CODES:
        return Trouble("refused", said)
    if known == "NoSuchBucket":
        return Trouble("lasting", "there is no such bucket")
    if status == 404:
        return Trouble("absent", said)
    if status == 412:
        return Trouble("taken", said)
    if (status >= 500 and status != 501) or status in _PASSING_STATUS or known in _PASSING_CODES:
        return Trouble("passing", said)
    return Trouble("lasting", said)
