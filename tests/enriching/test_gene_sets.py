"""Gene sets and hierarchies: what is read, and what is refused."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma

import numpy as np
import pytest

import dasknmf
from dasknmf.enriching import gene_sets, lines
from dasknmf.enriching.gene_sets import as_gene_sets
from dasknmf.enriching.relations import as_hierarchy, read_hierarchy
from dasknmf.errors import InputError
from tests.conftest import DATA

GMT = "ribosome\thttp://x\tRPL3\tRPL4\tRPS2\nproteasome\t\tPSMA1\tPSMB2\t\t\r\n\nboth\tall\tRPL3\tPSMA1\n"


def test_a_gmt_file_is_read_whole(tmp_path):
    file = tmp_path / "sets.gmt"
    file.write_bytes(b"\xef\xbb\xbf" + GMT.encode())
    sets = dasknmf.read_gene_sets(file)
    assert sets.names.tolist() == ["ribosome", "proteasome", "both"]
    assert sets.descriptions.tolist() == ["http://x", "", "all"]
    assert [sets[name] for name in sets.names] == [
        ["RPL3", "RPL4", "RPS2"],
        ["PSMA1", "PSMB2"],
        ["RPL3", "PSMA1"],
    ]
    assert sets.genes.tolist() == ["RPL3", "RPL4", "RPS2", "PSMA1", "PSMB2"]
    assert sets.source == str(file)
    assert sets.checksum == f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
    with pytest.raises(KeyError, match="no gene set 'none'"):
        sets["none"]


@pytest.mark.parametrize(
    ("ending", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_compressed_files_hold_the_same(tmp_path, ending, pack):
    file = tmp_path / f"sets.gmt{ending}"
    file.write_bytes(pack(GMT.encode()))
    sets = dasknmf.read_gene_sets(file)
    assert sets["proteasome"] == ["PSMA1", "PSMB2"]
    file.write_bytes(pack(GMT.encode() * 3000)[:-20])
    with pytest.raises(InputError, match="truncated or damaged"):
        dasknmf.read_gene_sets(file)


def test_a_gene_that_stands_twice_counts_once(tmp_path):
    (tmp_path / "sets.gmt").write_text("homodimer\t\tA\tB\tA\n")
    assert dasknmf.read_gene_sets(tmp_path / "sets.gmt")["homodimer"] == ["A", "B"]


def test_sets_over_the_genes_of_a_network():
    sets = as_gene_sets({"one": ["a", "b", "x"], "two": ["x"], "three": ["c", "a"]})
    found = sets.over(np.array(["c", "a", "b", "d"], dtype=object))
    assert found.toarray().tolist() == [[0, 1, 1, 0], [0, 0, 0, 0], [1, 1, 0, 0]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; needs a GMT file"),
        ("a\td\tg\nb\td\nc\n", r"at least 3 fields: line 2 \('b'\) has 2; line 3 \('c'\) has 1; 2 in all"),
        ("a\tb\nb\tc\n", "read with read_hierarchy"),
        ("a\td\tg\nb\td\tg\na\td\th\n", r"one line only: line 3 \('a', first on line 1\); rename"),
        ("a\td\tg\t\th\n", r"gene between two tabs: line 1 \('a'\)"),
        ("\td\tg\n", "must have a name: line 1 has genes such as 'g'"),
        ("a,d,g\n", "at least 3 fields"),
        ("a\td\t\x00\n", "line 1: is no text in UTF-8"),
    ],
)
def test_what_is_no_gmt_file_is_refused_with_its_lines(tmp_path, text, message):
    file = tmp_path / "bad.gmt"
    file.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        dasknmf.read_gene_sets(file)
    assert str(caught.value).startswith(str(file))


def test_files_that_are_not_there_or_not_text_or_too_large_are_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="there is no such file"):
        dasknmf.read_gene_sets(tmp_path / "none.gmt")
    file = tmp_path / "sets.gmt"
    file.write_bytes(b"a\td\t\xff\xfe\n")
    with pytest.raises(InputError, match="line 1: is no text in UTF-8"):
        dasknmf.read_gene_sets(file)
    file.write_text(GMT)
    with monkeypatch.context() as patch:
        patch.setattr(lines, "MOST_CHARACTERS", 30)
        with pytest.raises(InputError, match="line 1: is too large"):
            dasknmf.read_gene_sets(file)
    with monkeypatch.context() as patch:
        patch.setattr(lines, "MOST_IN_ALL", 50)
        with pytest.raises(InputError, match="line 2: is too large"):
            dasknmf.read_gene_sets(file)
    with monkeypatch.context() as patch:
        patch.setattr(gene_sets, "MOST_MEMBERSHIPS", 4)
        with pytest.raises(InputError, match="more than 4 memberships"):
            dasknmf.read_gene_sets(file)


def test_what_is_no_mapping_of_sets_is_refused():
    with pytest.raises(InputError, match="gene set 'a' holds 'TP53'; needs a list"):
        as_gene_sets({"a": "TP53"})
    with pytest.raises(InputError, match=r"gene set 'a' holds \[\]"):
        as_gene_sets({"a": []})
    with pytest.raises(InputError, match="is empty"):
        as_gene_sets({})
    with pytest.raises(InputError, match="of type list"):
        as_gene_sets([["a"]])


def test_ancestors_are_the_transitive_closure(tmp_path):
    networkx = pytest.importorskip("networkx")
    rng = np.random.default_rng(0)
    # edges from small to large numbers have no cycle
    pairs = [(f"s{a}", f"s{b}") for a, b in np.sort(rng.integers(0, 60, (150, 2)), axis=1) if a != b]
    file = tmp_path / "relations.txt"
    shuffled = [pairs[i] for i in rng.permutation(len(pairs))]
    file.write_text("".join(f"{a}\t{b}\n" for a, b in [*shuffled, shuffled[0]]))
    hierarchy = read_hierarchy(file)
    graph = networkx.DiGraph(pairs)
    assert len(hierarchy.parent) == graph.number_of_edges()
    for name, above in zip(hierarchy.names, hierarchy.ancestors(), strict=True):
        assert {hierarchy.names[i] for i in above} == networkx.ancestors(graph, name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; needs two names"),
        ("a\tb\nc\n", r"two names: line 2 \('c'\) has 1"),
        ("a\tb\tc\n", r"line 1 \('a'\) has 3"),
        ("a\ta\n", "line 1: a set is part of itself: a → a; remove"),
        ("r\ta\na\tb\nb\tc\nc\ta\nc\td\n", "part of itself: (a → b → c → a|b → c → a → b|c → a → b → c);"),
    ],
)
def test_what_is_no_hierarchy_is_refused(tmp_path, text, message):
    file = tmp_path / "bad.txt"
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        read_hierarchy(file)


def test_a_long_cycle_is_shown_in_part():
    pairs = [(f"s{i}", f"s{(i + 1) % 50}") for i in range(50)]
    with pytest.raises(InputError, match=r"given: a set is part of itself: \w+ → \w+ → \w+ → \w+ → … → \w+;"):
        as_hierarchy(pairs)
    with pytest.raises(InputError, match="needs a file of two columns"):
        as_hierarchy(["ab"])


@pytest.mark.skipif(not (DATA / "genesets").is_dir(), reason="needs the real gene sets")
def test_reactome_is_read():
    sets = dasknmf.read_gene_sets(DATA / "genesets" / "reactome_human_symbols.gmt.gz")
    assert len(sets) == 2681
    assert sets["R-HSA-73843"] == ["PRPS1", "PRPS1L1", "PRPS2"]
    hierarchy = dasknmf.read_hierarchy(DATA / "genesets" / "ReactomePathwaysRelationHuman.txt")
    assert (len(hierarchy.parent), len(hierarchy.names)) == (2347, 2325)
    place = hierarchy.names.tolist().index("R-HSA-69278")  # Cell Cycle, Mitotic
    assert [hierarchy.names[i] for i in hierarchy.ancestors()[place]] == ["R-HSA-1640170"]  # Cell Cycle
