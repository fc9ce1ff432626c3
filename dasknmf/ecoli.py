"""Expression with known modules to try things on: the E. coli PRECISE compendium, and a planted stand-in."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dasknmf.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

#: The compendium is data of this wheel (MIT licence), which is read as a zip file and never installed.
REQUIREMENT = "pymodulon==0.2.1"
WHEEL = "pymodulon-0.2.1-py3-none-any.whl"
WHEEL_SHA256 = "24cf88b53e7dfe69c3bc1d4f3e28b2d30a0bf874eab1930d22208aff3ddd81b8"
WHEEL_FOLDER = "pymodulon/data/ecoli"
CACHE_VARIABLE = "DASKNMF_CACHE"

OTHERWISE = "or take the built-in example: dasknmf demo --synthetic"


@dataclass(frozen=True)
class Ecoli:
    """Expression and the modules known to be in it.

    Parameters
    ----------
    expression : DataFrame, shape (genes, samples)
        Log expression, with gene names as index.
    modules : DataFrame, shape (genes, modules)
        Signed weight of each gene in each module; the same index.
    source : str
        Where it is from.
    """

    expression: pd.DataFrame
    modules: pd.DataFrame
    source: str


def fetch_ecoli(cache_dir: str | os.PathLike[str] | None = None) -> Ecoli:
    """Return the PRECISE compendium: 3,923 *E. coli* genes × 278 arrays, and its 92 published modules.

    The first time, 50 MB are downloaded with this Python's own pip; later the copy in the cache is used.

    Parameters
    ----------
    cache_dir : path, optional
        Where the download is kept; by default ``$DASKNMF_CACHE``, or ``dasknmf`` in the user's cache folder.

    Returns
    -------
    Ecoli
        Genes by name (``thrA``); the 32 whose name is shared carry their locus tag too (``insH_b0259``).

    Raises
    ------
    InputError
        If there is no copy and none can be downloaded, or it is not what was published.

    References
    ----------
    Sastry et al., The Escherichia coli transcriptome mostly consists of independently regulated modules,
    Nature Communications 10:5536, 2019.
    """
    import pandas as pd

    folder = Path(cache_dir or os.environ.get(CACHE_VARIABLE) or _user_cache())
    wheel = folder / WHEEL
    if not wheel.exists():
        _download(folder)
    _check_wheel(wheel)
    with zipfile.ZipFile(wheel) as archive:

        def read(name: str) -> pd.DataFrame:
            with archive.open(f"{WHEEL_FOLDER}/{name}") as file:
                return pd.read_csv(file, index_col=0)

        expression, modules, table = read("log_tpm.csv"), read("M.csv"), read("gene_table.csv")
    loci = expression.index
    names = table["gene_name"].reindex(loci)
    shared = names.duplicated(keep=False)
    genes = pd.Index(names.where(~shared, names + "_" + loci.astype(str)), dtype=object, name="gene")
    return Ecoli(
        expression=expression.set_axis(genes),
        modules=modules.reindex(loci).set_axis(genes),
        source="E. coli PRECISE compendium (Sastry et al. 2019)",
    )


def synthetic_ecoli(
    *, genes: int = 1000, samples: int = 120, modules: int = 20, noise: float = 1.0, seed: int = 0
) -> Ecoli:
    """Return expression with planted modules, in the form of :func:`fetch_ecoli`.

    Each module has 12 to 30 genes that follow one random activity, up or down, plus noise; a tenth of its
    genes follow a second module too. The other genes are noise.

    Parameters
    ----------
    genes, samples, modules : int
        Sizes.
    noise : float
        Standard deviation of the noise, where an activity has 1.
    seed : int
        The same seed gives the same data.

    Returns
    -------
    Ecoli
        Genes are named after their module: ``m03g12`` is gene 12 of module 3, ``x0412`` of none.

    Raises
    ------
    InputError
        If there are not 30 genes for each module.

    Examples
    --------
    >>> data = synthetic_ecoli(genes=300, samples=10, modules=3)
    >>> data.expression.shape, data.modules.shape, data.modules.index[0]
    ((300, 10), (300, 3), 'm00g00')
    """
    import pandas as pd

    if genes < 30 * modules or modules < 1:
        msg = f"{genes} genes for {modules} modules: needs at least 30 genes for each module"
        raise InputError(msg)
    rng = np.random.default_rng(seed)
    weights = np.zeros((genes, modules))
    names = [f"x{g:04d}" for g in range(genes)]
    start = 0
    for m, size in enumerate(rng.integers(12, 31, size=modules)):
        rows = np.arange(start, start + size)
        weights[rows, m] = rng.uniform(0.7, 1.3, size) * rng.choice([-1, 1], size)
        names[start : start + size] = [f"m{m:02d}g{g:02d}" for g in range(size)]
        both = rng.choice(rows, size // 10, replace=False)
        weights[both, (m + 1) % modules] += rng.uniform(0.5, 1.0, len(both))
        start += size
    activity = rng.standard_normal((modules, samples))
    level = rng.normal(8, 2, size=(genes, 1))
    values = level + weights @ activity + noise * rng.standard_normal((genes, samples))
    index = pd.Index(names, dtype=object, name="gene")
    return Ecoli(
        expression=pd.DataFrame(values, index=index, columns=[f"array{s:03d}" for s in range(samples)]),
        modules=pd.DataFrame(weights, index=index, columns=[f"planted-{m:02d}" for m in range(modules)]),
        source=f"planted modules, seed {seed}",
    )


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dasknmf"


def _download(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".download-", dir=folder))
    except OSError as error:
        msg = (
            f"cache folder {folder}: {error.strerror}; name another (export {CACHE_VARIABLE}=FOLDER), "
            f"{OTHERWISE}"
        )
        raise InputError(msg) from error
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    what = ["--no-deps", "--only-binary", ":all:", "--retries", "1", "--dest", str(aside), REQUIREMENT]
    try:
        done = subprocess.run([*pip, *what], capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode or not (aside / WHEEL).is_file():
            msg = (
                f"the E. coli compendium ({REQUIREMENT}) cannot be downloaded: {_reason(done.stderr)}; "
                f"go online, {OTHERWISE}"
            )
            raise InputError(msg)
        (aside / WHEEL).replace(folder / WHEEL)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _reason(stderr: str) -> str:
    if "No module named pip" in stderr:
        return "this Python has no pip"
    said = [line.removeprefix("ERROR: ") for line in stderr.splitlines() if line.startswith("ERROR: ")]
    # the other lines of pip name whichever index the user has set, perhaps with a password
    said = [line for line in said if "://" not in line]
    return f"pip says '{said[-1]}'" if said else "pip failed"


def _check_wheel(wheel: Path) -> None:
    with wheel.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != WHEEL_SHA256:
        wheel.unlink()
        msg = (
            f"{wheel} has sha256 {found}, not {WHEEL_SHA256} as published, and was removed; "
            f"run again to download it anew, {OTHERWISE}"
        )
        raise InputError(msg)
