"""The factors of one rank of a survey, as a fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dasknmf.errors import InputError

if TYPE_CHECKING:
    import xarray as xr


def survey_fit(survey: xr.Dataset, rank: int | None = None) -> xr.Dataset:
    """Return the consensus factors of a rank of a survey, as :func:`dasknmf.nmf` returns a fit.

    Parameters
    ----------
    survey : Dataset
        What :func:`survey` returned.
    rank : int, optional
        By default the recommended one.

    Returns
    -------
    Dataset
        ``W (gene, factor)``, ``H (factor, gene)``, ``scale``, ``reproducibility`` with its 95 % interval, and the
        exact ``relative_error`` beside the Eckart–Young bound in the attributes.

    Raises
    ------
    InputError
        If the survey has no such rank, or none is recommended.

    Examples
    --------
    >>> import dasknmf, numpy as np
    >>> A = np.kron(np.eye(3), np.ones((20, 20)))
    >>> fit = dasknmf.survey_fit(dasknmf.survey(A, range(1, 6), restarts=3))
    >>> fit.sizes["factor"], bool(fit.attrs["relative_error"] < 1e-3)
    (3, True)
    """
    ranks = [int(k) for k in survey["rank"].values]
    k = survey.attrs.get("recommended_rank") if rank is None else rank
    if k not in ranks:
        there = ", ".join(map(str, ranks))
        what = "no rank is recommended" if rank is None else f"rank={rank!r} was not surveyed"
        msg = f"{what}; choose one of: {there}"
        raise InputError(msg)
    own = survey.isel(component=np.flatnonzero(survey["component_rank"].values == k))
    names = ["W", "H", "scale", *(name for name in own.data_vars if str(name).startswith("reproducib"))]
    of_rank = survey.sel(rank=k)
    dropped = {"recommended_rank", "reason", "runner_up_rank", "runner_up_reason", "warnings", "restarts"}
    attributes = {name: value for name, value in survey.attrs.items() if name not in dropped}
    fit = own[names].rename(component="factor").assign_coords(factor=np.arange(int(k)))
    # of a consensus no gauge is left: its factors are balanced
    fit = fit.assign(gauge=("factor", np.ones(int(k))))
    return fit.drop_vars(["rank", "restart"], errors="ignore").assign_attrs(
        {
            **attributes,
            "format": "dasknmf-fit",
            "n_components": int(k),
            "restarts": int(survey.sizes["restart"]),
            "relative_error": float(of_rank["consensus_error"]),
            "eckart_young": float(of_rank["eckart_young"]),
            "stability": float(of_rank["stability"]),
        }
    )
