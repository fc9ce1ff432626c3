"""What the test of fragmentation found, as a Dataset, and as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.errors import InputError
from dasknmf.nesting.decay import decay_of
from dasknmf.nesting.decay_variables import VARIABLES
from dasknmf.nesting.forms import FORMS
from dasknmf.results import FRAGMENTATION, VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

    from dasknmf.nesting.attribution import Effect
    from dasknmf.nesting.choice import Standing
    from dasknmf.nesting.curves import Run
    from dasknmf.nesting.intervals import Interval
    from dasknmf.nesting.testing import Tested

#: Order of measures in ``quantity``.
MEASURES = ("retention", "direct", "reproducibility", "agreement")
#: What is known of one curve, as a number or a word.
OF_CURVE: dict[str, Callable[[Tested], Any]] = {
    "gamma": lambda found: found.decay.gamma.mean,
    "gamma_low": lambda found: found.decay.gamma.low,
    "gamma_high": lambda found: found.decay.gamma.high,
    "t_low": lambda found: found.decay.gamma.t_low,
    "t_high": lambda found: found.decay.gamma.t_high,
    "half_life": lambda found: found.decay.half_life[0],
    "half_life_low": lambda found: found.decay.half_life[1],
    "half_life_high": lambda found: found.decay.half_life[2],
    "start": lambda found: found.decay.start,
    "spread": lambda found: found.decay.spread,
    "detectable": lambda found: found.smallest,
    "at_least": lambda found: float(found.decay.at_least),
    "levels_used": lambda found: float(found.decay.logs.shape[1]),
    "drop_at": lambda found: found.forms.drop_at,
    "best_form": lambda found: found.forms.form,
    "verdict": lambda found: found.verdict.word,
    "sentence": lambda found: found.verdict.sentence,
}
WORDS = ("best_form", "verdict", "sentence")


def decay_dataset(
    runs: list[Run],
    tested: dict[tuple[str, tuple[str, str]], Tested],
    comparisons: list[tuple[Run, Run, tuple[str, str], Interval]],
    effects: list[Effect],
    standings: list[Standing],
    attributes: dict[str, Any],
) -> xr.Dataset:
    """Put what was found into a Dataset; see :data:`dasknmf.nesting.decay_variables.VARIABLES`."""
    import xarray as xr

    quantities = sorted(
        dict.fromkeys(curve for run in runs for curve in run.curves),
        key=lambda curve: MEASURES.index(curve[0]),
    )
    levels = np.unique(np.concatenate([run.levels for run in runs]))
    content = {
        **_of_runs(runs, levels),
        "measure": _words([measure for measure, _ in quantities]),
        "branch": _words([branch for _, branch in quantities]),
        **_of_curves(runs, quantities, levels, tested),
        **_of_comparisons(comparisons),
        **_of_effects(effects),
        **_of_standings(standings),
    }
    return xr.Dataset(
        {name: (dims, content[name], {"long_name": about}) for name, (dims, about) in VARIABLES.items()},
        coords={
            "run": _words([run.name for run in runs]),
            "quantity": _words([" ".join(curve) for curve in quantities]),
            "tier": levels,
            "restart": np.arange(max(run.restarts for run in runs)),
            "form": _words(list(FORMS)),
        },
        attrs={"format": FRAGMENTATION, "version": VERSION, **attributes},
    )


def _words(words: list[Any]) -> NDArray[Any]:
    made = np.empty(len(words), dtype=object)
    made[:] = [str(word) for word in words]
    return made


def _of_runs(runs: list[Run], levels: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    made: dict[str, NDArray[Any]] = {
        name: _words([getattr(run, name) for run in runs])
        for name in ("kind", "network", "method", "loadings", "similarity")
    }
    for name in ("n_factors", "bound"):
        made[name] = np.full((len(runs), len(levels)), np.nan)
        for row, run in zip(made[name], runs, strict=True):
            row[np.searchsorted(levels, run.levels)] = getattr(run, name)
    # of one exact number a level, so without an interval
    gammas = [decay_of(run.bound[None], run.levels).gamma.mean for run in runs]
    made["bound_gamma"] = np.array(gammas, dtype=np.float64)
    return made


def _of_curves(
    runs: list[Run],
    quantities: list[tuple[str, str]],
    levels: NDArray[np.float64],
    tested: dict[tuple[str, tuple[str, str]], Tested],
) -> dict[str, NDArray[Any]]:
    shape = (len(runs), len(quantities))
    made: dict[str, NDArray[Any]] = {name: np.full(shape, np.nan) for name in OF_CURVE if name not in WORDS}
    made |= {name: np.full(shape, "", dtype=object) for name in WORDS}
    restarts = max(run.restarts for run in runs)
    made["gamma_of"] = np.full((*shape, restarts), np.nan)
    made |= {name: np.full((*shape, len(levels)), np.nan) for name in ("kept", "fitted", "floor")}
    made["kept_of"] = np.full((*shape, len(levels), restarts), np.nan)
    of_forms = ("misfit", "advantage", "advantage_low", "advantage_high")
    made |= {name: np.full((*shape, len(FORMS)), np.nan) for name in of_forms}
    for i, run in enumerate(runs):
        for j, curve in enumerate(quantities):
            if curve not in run.curves:
                continue
            found = tested[run.name, curve]
            for name, read in OF_CURVE.items():
                made[name][i, j] = read(found)
            made["gamma_of"][i, j, : run.restarts] = found.decay.slopes
            at = np.searchsorted(levels, found.decay.levels)
            made["kept"][i, j, at] = np.sort(found.decay.values, axis=0).mean(axis=0)
            made["kept_of"][i, j, at, : run.restarts] = found.decay.values.T
            made["fitted"][i, j, at] = found.decay.fitted()
            made["floor"][i, j, at] = found.decay.floor
            for f, form in enumerate(FORMS):
                made["misfit"][i, j, f] = found.forms.misfit[form]
                if form in found.forms.advantage:
                    for name, value in zip(of_forms[1:], found.forms.advantage[form][:3], strict=True):
                        made[name][i, j, f] = value
    return made


def _of_comparisons(
    comparisons: list[tuple[Run, Run, tuple[str, str], Interval]],
) -> dict[str, NDArray[Any]]:
    return {
        "comparison_run": _words([run.name for run, _, _, _ in comparisons]),
        "comparison_control": _words([other.name for _, other, _, _ in comparisons]),
        "comparison_kind": _words([other.kind for _, other, _, _ in comparisons]),
        "comparison_quantity": _words([" ".join(curve) for _, _, curve, _ in comparisons]),
        **_ends([found for _, _, _, found in comparisons], "difference", "difference"),
    }


def _of_effects(effects: list[Effect]) -> dict[str, NDArray[Any]]:
    return {
        "cause": _words([effect.cause for effect in effects]),
        "effect_run": _words([effect.run for effect in effects]),
        "effect_branch": _words([effect.branch for effect in effects]),
        "effect_other": _words([effect.other for effect in effects]),
        "effect_other_branch": _words([effect.other_branch for effect in effects]),
        **_ends([effect.gamma for effect in effects], "effect_gamma", "effect"),
        **_ends([effect.start for effect in effects], "effect_start", "effect_start"),
        **_ends([effect.total for effect in effects], "effect_total", "effect_total"),
        "effect_paired": np.array([effect.paired for effect in effects], dtype=np.float64),
        "effect_at_least": np.array([effect.at_least for effect in effects], dtype=np.float64),
    }


def _of_standings(standings: list[Standing]) -> dict[str, NDArray[Any]]:
    return {
        "option": _words([standing.option for standing in standings]),
        "option_network": _words([standing.network for standing in standings]),
        "option_kept": np.array([standing.kept for standing in standings], dtype=np.float64),
        "option_deepest": np.array([standing.deepest for standing in standings], dtype=np.float64),
        **_ends([standing.shortfall for standing in standings], "shortfall", "shortfall"),
    }


def _ends(found: list[Interval], name: str, stem: str) -> dict[str, NDArray[Any]]:
    rows = np.array([interval[:3] for interval in found], dtype=np.float64).reshape(-1, 3)
    return {name: rows[:, 0], f"{stem}_low": rows[:, 1], f"{stem}_high": rows[:, 2]}


def fragmentation_table(found: xr.Dataset, *, quantity: str | None = None) -> pd.DataFrame:
    """Return the verdicts, one row a run.

    Parameters
    ----------
    found : Dataset
        What :func:`dasknmf.fragmentation` returned.
    quantity : str, optional
        Such as ``"retention W"``; by default the one each run's verdict is about.

    Returns
    -------
    DataFrame
        With ``run``, ``kind``, ``quantity``, ``gamma``, ``gamma_low``, ``gamma_high``, ``half_life``, ``detectable``,
        ``best_form``, ``verdict`` and ``sentence``. Runs without the quantity are left out.

    Raises
    ------
    InputError
        If there is no such quantity.
    """
    import pandas as pd

    there = found["quantity"].to_numpy().tolist()
    if quantity is not None and quantity not in there:
        msg = f"quantity={quantity!r} is not there; choose one of {', '.join(there)}"
        raise InputError(msg)
    columns = (
        "gamma",
        "gamma_low",
        "gamma_high",
        "half_life",
        "detectable",
        "best_form",
        "verdict",
        "sentence",
    )
    rows = []
    for run in found["run"].to_numpy():
        of_run = found.sel(run=run)
        about = quantity or f"retention {of_run['loadings'].item()}"
        own = of_run.sel(quantity=about)
        if own["verdict"].item():
            rows.append(
                {"run": run, "kind": own["kind"].item(), "quantity": about}
                | {name: own[name].item() for name in columns}
            )
    return pd.DataFrame(rows)


def attribution_table(found: xr.Dataset) -> pd.DataFrame:
    """Return what γ is made of, one row a cause and pair of runs or branches.

    Parameters
    ----------
    found : Dataset
        What :func:`dasknmf.fragmentation` returned.

    Returns
    -------
    DataFrame
        The variables over ``effect``, under their own names.
    """
    import pandas as pd

    names = [str(name) for name, (dims, _) in VARIABLES.items() if dims == ("effect",)]
    return pd.DataFrame({name: found[name].to_numpy() for name in names})
