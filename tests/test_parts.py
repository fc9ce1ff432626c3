"""Parts of a long analysis: kept whole, read only where they belong, removed without anything else."""

import numpy as np
import pytest

from dasknmf.errors import FormatError, InputError
from dasknmf.parts import ENDING, KeptParts

IDENTITY = {"network": "sha256:ab", "k": 3}
ARRAYS = {"cosine": np.arange(3.0), "count": np.arange(4), "W": np.ones((2, 3), np.float32)}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "parts"


def test_a_part_comes_back_as_it_was(folder):
    KeptParts(folder, IDENTITY).put("null-0", {"defect": float("nan"), "kind": "shuffle", "n": 2}, ARRAYS)
    content, arrays = KeptParts(folder, IDENTITY, resume=True).get("null-0")
    assert np.isnan(content.pop("defect"))
    assert content == {"kind": "shuffle", "n": 2}
    assert {name: (one.dtype, one.tolist()) for name, one in arrays.items()} == {
        name: (one.dtype, one.tolist()) for name, one in ARRAYS.items()
    }


def test_a_name_may_be_that_of_an_argument_of_numpy(folder):
    parts = KeptParts(folder, IDENTITY, resume=True)
    parts.put("a", {}, {"file": np.ones(1), "content": np.zeros(2)})
    assert sorted(parts.get("a")[1]) == ["content", "file"]


def test_an_analysis_that_begins_again_reads_what_it_has_kept_itself(folder):
    parts = KeptParts(folder, IDENTITY)
    assert parts.reached() == ""
    parts.put("a", {"defect": 0.5})
    assert parts.get("a")[0] == {"defect": 0.5}
    assert parts.reached() == "1 part(s) that are kept"


def test_nothing_is_kept_or_read_unless_it_is_asked_for(folder):
    nowhere = KeptParts(None, IDENTITY, resume=True)
    nowhere.put("a", {})
    assert nowhere.get("a") is None
    nowhere.remove()
    parts = KeptParts(folder, IDENTITY)
    assert not folder.exists()
    parts.put("a", {})
    assert KeptParts(folder, IDENTITY).get("a") is None
    assert KeptParts(folder, IDENTITY, resume=True).get("b") is None


def test_a_part_of_another_run_says_what_differs(folder):
    KeptParts(folder, IDENTITY).put("a", {})
    with pytest.raises(FormatError, match=r"its k is 3, here it is 4; resume with the same"):
        KeptParts(folder, {**IDENTITY, "k": 4}, resume=True).get("a")
    with pytest.raises(FormatError, match="its seed is None, here it is 1"):
        KeptParts(folder, {**IDENTITY, "seed": 1}, resume=True).get("a")


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "bit"])
def test_a_damaged_part_is_refused(folder, damage):
    KeptParts(folder, IDENTITY).put("a", {}, ARRAYS)
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    middle = whole.index(b"\x93NUMPY") + 130
    file.write_bytes(
        {
            "cut": whole[:-50],
            "text": b"not a part",
            "empty": b"",
            "bit": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        }[damage]
    )
    with pytest.raises(FormatError, match="is not whole; remove it and resume"):
        KeptParts(folder, IDENTITY, resume=True).get("a")


def test_parts_of_another_version_are_not_read(folder, monkeypatch):
    monkeypatch.setattr("dasknmf.parts.VERSION", 0)
    KeptParts(folder, IDENTITY).put("a", {})
    monkeypatch.undo()
    with pytest.raises(FormatError, match="is of version 0"):
        KeptParts(folder, IDENTITY, resume=True).get("a")


def test_a_writer_that_was_stopped_leaves_nothing_that_is_read(folder):
    parts = KeptParts(folder, IDENTITY, resume=True)
    parts.put("a", {"n": 1})
    (folder / f".b{ENDING}.partial-12345678").write_bytes(b"half")
    again = KeptParts(folder, IDENTITY, resume=True)
    assert again.get("b") is None
    assert again.get("a")[0] == {"n": 1}
    again.remove()
    assert not folder.exists()


def test_what_is_no_folder_of_parts_is_refused_and_stays(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is a file; this analysis keeps a folder"):
        KeptParts(tmp_path / "file", IDENTITY)
    with pytest.raises(InputError, match="is not a folder; make it first"):
        KeptParts(tmp_path / "no" / "parts", IDENTITY)
    with pytest.raises(InputError, match="with other things in it, such as file, and would be removed"):
        KeptParts(tmp_path, IDENTITY)
    (tmp_path / "empty").mkdir()
    KeptParts(tmp_path / "empty", IDENTITY).put("a", {})


def test_urls_are_kept_read_and_refused_alike():
    place = "memory://analysis/parts"
    parts = KeptParts(place, IDENTITY, resume=True)
    parts.put("a", {"n": 1}, ARRAYS)
    assert KeptParts(place, IDENTITY, resume=True).get("a")[1]["count"].tolist() == [0, 1, 2, 3]
    with pytest.raises(InputError, match="such as parts"):
        KeptParts("memory://analysis", IDENTITY)
    parts.remove()
    assert KeptParts(place, IDENTITY, resume=True).get("a") is None
