"""Requests of object stores: what is asked again and for how long, what is refused, what is shown, what is whole."""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dasknmf.engine.sweep import StoreSource
from dasknmf.errors import FormatError, InputError, StoreAccessError, StoreError
from dasknmf.execution import Execution
from dasknmf.pointer import Pointed
from dasknmf.storage import objects_at, open_file, open_store, read_whole
from dasknmf.storage.objects import Objects
from dasknmf.storage.patience import Absent, Patience
from dasknmf.storage.settings import split_options
from dasknmf.storage.troubles import Trouble, trouble_of_status

if TYPE_CHECKING:
    from collections.abc import Sequence

SECRET = "not-to-be-shown"


class Answers:
    """A client that fails, or damages what it returns, as told beforehand."""

    credentials, conditional = "the storage options", True

    def __init__(self, content: bytes, answers: Sequence[Trouble | bytes], tag: str | None = None) -> None:
        self.content, self.answers, self.tag, self.asked = content, list(answers), tag, 0

    def get(self, key: str, first: int | None, last: int | None) -> tuple[bytes, str | None]:
        self.asked += 1
        answer = self.answers.pop(0) if self.answers else self.content
        if isinstance(answer, Trouble):
            msg = f"{answer.kind} {answer.said} {SECRET}"
            raise ConnectionError(msg)
        return answer, self.tag

    def explain(self, error: BaseException) -> Trouble:
        kind, said, _ = str(error).split(" ", 2)
        return Trouble(kind, said)  # type: ignore[arg-type]


def objects_of(client: Any, **seconds: float) -> Objects:
    return Objects(
        client, "s3://bucket/", Patience(client.explain, credentials=client.credentials, **seconds)
    )


def test_what_passes_is_asked_again_without_touching_any_generator(caplog: pytest.LogCaptureFixture) -> None:
    client = Answers(b"content", [Trouble("passing", "503"), Trouble("passing", "reset")])
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002 - the one results must not share
    with caplog.at_level(logging.INFO, logger="dasknmf"):
        assert objects_of(client).read("key")[0] == b"content"
    assert client.asked == 3
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002
    assert "waiting for s3://bucket/key: 503; trying again in" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("trouble", "error", "said"),
    [
        (Trouble("refused", "403"), StoreAccessError, "credentials were taken from the storage options"),
        (Trouble("lasting", "405"), StoreError, "the store cannot do this"),
        (Trouble("absent", "404"), Absent, "key"),
    ],
)
def test_what_does_not_pass_is_asked_once(trouble: Trouble, error: type[Exception], said: str) -> None:
    client = Answers(b"", [trouble])
    with pytest.raises(error, match=said) as caught:
        objects_of(client).read("key")
    assert client.asked == 1
    assert SECRET not in str(caught.value)
    assert caught.value.__suppress_context__


def test_patience_has_an_end() -> None:
    client = Answers(b"", [Trouble("passing", "503")] * 1000)
    with pytest.raises(StoreError, match=r"s3://bucket/key cannot be reached: 503, tried \d+ times"):
        objects_of(client, seconds=0.3).read("key")
    assert 2 <= client.asked < 20


def test_a_byte_that_changes_on_the_way_is_read_again() -> None:
    import hashlib

    tag = f'"{hashlib.md5(b"whole").hexdigest()}"'
    client = Answers(b"whole", [b"whale", b"wh0le"], tag)
    assert objects_of(client).read_surely("key")[0] == b"whole"
    assert client.asked == 3
    # without a tag that tells, it is read until it comes twice the same
    client = Answers(b"whole", [b"whale"])
    assert objects_of(client).read_surely("key")[0] == b"whole"
    assert client.asked == 3
    # what is damaged in the store itself comes twice the same too, and is for the reader to refuse
    client = Answers(b"whale", [], tag)
    assert objects_of(client).read_surely("key")[0] == b"whale"
    assert client.asked == 2


def test_statuses_tell_what_to_do() -> None:
    kinds = {
        (503, "SlowDown"): "passing", (500, ""): "passing", (429, ""): "passing", (400, "IncompleteBody"): "passing",
        (403, "SignatureDoesNotMatch"): "refused", (400, "InvalidToken"): "refused", (404, "NoSuchKey"): "absent",
        (404, "NoSuchBucket"): "lasting", (412, "PreconditionFailed"): "taken", (501, ""): "lasting",
    }  # fmt: skip
    assert {asked: trouble_of_status(*asked).kind for asked in kinds} == kinds
    assert trouble_of_status(400, f"<{SECRET}>").said == "400"


def test_settings_are_checked() -> None:
    with pytest.raises(InputError, match="retry_seconds=-1: needs a number of seconds above 0"):
        split_options({"retry_seconds": -1})
    with pytest.raises(InputError, match="backend='boto' is not known; choose one of obstore, s3fs"):
        objects_at("s3://bucket/key", {"backend": "boto"})
    with pytest.raises(
        InputError, match="option 'cache_regions' is not known to obstore; leave it out, or say"
    ):
        objects_at("s3://bucket/key", {"backend": "obstore", "cache_regions": True})


def test_keys_are_in_no_word_of_what_goes_to_workers() -> None:
    options = {"key": "k", "secret": SECRET}
    shown = [
        StoreSource("s3://bucket/net.zarr", "sha256:0", tuple(options.items())),
        Execution(storage_options=options),
        open_store("s3://bucket/net.zarr", mode="r", storage_options=options),
    ]
    assert SECRET not in repr(shown)
    assert SECRET not in " ".join(map(str, shown))


def test_keys_of_the_files_of_aws(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from dasknmf.storage.obstore_client import _configured

    (tmp_path / "credentials").write_text(
        f"[lab]\naws_access_key_id = me\naws_secret_access_key = {SECRET}\n"
    )
    (tmp_path / "config").write_text("[profile lab]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    config, source = _configured({"profile": "lab"})
    assert config == {"access_key_id": "me", "secret_access_key": SECRET, "region": "eu-west-1"}
    assert source == "profile 'lab' of the AWS credentials file"


def test_two_runs_behind_one_pointer() -> None:
    place = "memory://pointers/run.checkpoint"
    first, second = Pointed(place), Pointed(place)
    first.look()
    second.look()
    first.write(b"one")
    first.write(b"two")
    with pytest.raises(
        InputError, match=r"another run writes its checkpoints at memory://pointers/run.checkpoint"
    ):
        second.write(b"three")
    assert bytes(Pointed(place).read() or b"") == b"two"
    objects, key = objects_at(place)
    # that of the first checkpoint went when the pointer had moved
    assert len(objects.names(key, deep=False)) == 2
    objects.write(f"{key}/pointer.json", b'{"format": "dasknmf-pointer"}')
    with pytest.raises(FormatError, match="is not a whole checkpoint"):
        Pointed(place).read()
    Pointed(place).remove()
    assert Pointed(place).read() is None


def test_files_behind_urls() -> None:
    objects, key = objects_at("memory://files/list.txt")
    objects.write(key, b"TP53\nMDM2\n")
    assert bytes(read_whole("memory://files/list.txt")) == b"TP53\nMDM2\n"
    with open_file("memory://files/list.txt") as file:
        file.seek(5)
        assert file.read() == b"MDM2\n"
    with pytest.raises(FileNotFoundError):
        read_whole("memory://files/none.txt")


def test_what_is_there_is_kept_also_where_no_condition_is_known() -> None:
    import zarr

    store = open_store("memory://kept/group.zarr", mode="a")
    group = zarr.create_group(store, attributes={"format": "of a result"})
    # zarr then writes the groups above it, where they are not there
    zarr.create_array(store, name="W", shape=(2,), dtype="float32")
    assert dict(zarr.open_group(store, mode="r").attrs) == dict(group.attrs) == {"format": "of a result"}
