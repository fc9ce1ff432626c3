"""What a survey measured at each rank, as arrays and as a table."""

from __future__ import annotations

from dataclasses import dataclass, fields
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np

from dasknmf.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Curves:
    """A survey's measures by rank, smallest first, each of shape (ranks,); nan for what it does not have."""

    rank: NDArray[np.int64]
    #: Fewest of any rank that was fitted; 0 if the survey has no errors.
    restarts: int
    best_error: NDArray[np.float64]
    median_error: NDArray[np.float64]
    eckart_young: NDArray[np.float64]
    stability: NDArray[np.float64]
    stability_low: NDArray[np.float64]
    stability_high: NDArray[np.float64]
    cophenetic: NDArray[np.float64]
    dispersion: NDArray[np.float64]
    silhouette: NDArray[np.float64]
    held_out: NDArray[np.float64]
    held_out_difference: NDArray[np.float64]
    held_out_difference_se: NDArray[np.float64]

    @classmethod
    def of(cls, survey: xr.Dataset) -> Curves:
        """Read them from a survey.

        Raises
        ------
        InputError
            If the survey has no ranks.
        """
        import pandas as pd

        if "rank" not in survey.coords or not survey.sizes.get("rank"):
            msg = "the survey has no ranks; give what a survey of ranks returned, with the dimension 'rank'"
            raise InputError(msg)
        survey = survey.sortby("rank")
        absent = np.full(survey.sizes["rank"], np.nan)
        errors = absent[:, None]
        if "relative_error" in survey:
            errors = survey["relative_error"].transpose("rank", ...).to_numpy().reshape(len(absent), -1)
        # pandas gives nan, without a warning, where all are nan
        frame = pd.DataFrame(np.asarray(errors, dtype=np.float64))
        counts = frame.notna().sum(axis=1)
        measured = {
            field.name: survey[field.name].to_numpy().astype(np.float64) if field.name in survey else absent
            for field in fields(cls)[4:]
        }
        return cls(
            rank=survey["rank"].to_numpy(),
            restarts=int(counts[counts > 0].min()) if counts.any() else 0,
            best_error=frame.min(axis=1).to_numpy(),
            median_error=frame.median(axis=1).to_numpy(),
            **measured,
        )

    @property
    def lowest_held_out(self) -> int | None:
        """Place of the lowest held-out error, of the smallest rank if several have it."""
        finite = np.isfinite(self.held_out)
        return int(np.where(finite, self.held_out, np.inf).argmin()) if finite.any() else None

    @property
    def within_one_error(self) -> NDArray[np.intp]:
        """Places of the ranks whose held-out error is above the lowest by at most one standard error."""
        within = np.isfinite(self.held_out) & (self.held_out_difference <= self.held_out_difference_se)
        within[self.lowest_held_out] = True
        return np.flatnonzero(within)

    def above_one(self, name: str) -> NDArray[np.intp]:
        """Return the places of ranks above 1 at which something was measured; one factor always recurs."""
        return np.flatnonzero((self.rank > 1) & np.isfinite(getattr(self, name)))

    def interval(self, place: int) -> str:
        """Write the stability at a place, with its interval if it has one."""
        text = f"{self.stability[place]:.2f}"
        if np.isfinite(self.stability_low[place]):
            text += f" [{self.stability_low[place]:.2f}, {self.stability_high[place]:.2f}]"
        return text

    def difference(self, place: int) -> str:
        """Write how far the held-out error at a place is above the lowest, with its standard error."""
        best = self.lowest_held_out
        assert best is not None
        difference, error = self.held_out_difference[place], self.held_out_difference_se[place]
        if not np.isfinite(difference):
            return f"{self.held_out[place] - self.held_out[best]:.2g}"
        return f"{difference:.2g} ± {error:.2g}"


def survey_table(
    survey: xr.Dataset, *, recommended: int | None = None, runner_up: int | None = None
) -> pd.DataFrame:
    """Return what a survey measured, one row a rank.

    Parameters
    ----------
    survey : Dataset
        Over ``rank`` and ``restart``, see :func:`dasknmf.analysis.rank.recommend`.
    recommended, runner_up : int, optional
        Ranks to mark; by default the attributes ``recommended_rank`` and ``runner_up_rank`` of the survey.

    Returns
    -------
    DataFrame
        With the columns ``rank``, ``error_best`` and ``error_median`` (over restarts), ``eckart_young``,
        ``stability``, ``stability_low``, ``stability_high``, ``cophenetic``, ``dispersion``, ``silhouette``,
        ``held_out``, ``held_out_difference`` (to the lowest), ``held_out_difference_se`` and ``mark``
        (``"recommended"``, ``"runner-up"`` or empty). What was not measured is nan.

    Raises
    ------
    InputError
        If the survey has no ranks.

    Examples
    --------
    >>> import xarray as xr
    >>> survey = xr.Dataset(
    ...     {"relative_error": (("rank", "restart"), [[0.6, 0.5, 0.7], [0.4, 0.4, 0.3]])},
    ...     coords={"rank": [2, 4]}, attrs={"recommended_rank": 4},
    ... )
    >>> survey_table(survey)[["rank", "error_best", "error_median", "mark"]].values.tolist()
    [[2, 0.5, 0.6, ''], [4, 0.3, 0.4, 'recommended']]
    """
    import pandas as pd

    curves = Curves.of(survey)
    first, second = marked_ranks(survey)
    marks = {runner_up or second: "runner-up", recommended or first: "recommended"}
    columns = {
        {"best_error": "error_best", "median_error": "error_median"}.get(field.name, field.name): getattr(
            curves, field.name
        )
        for field in fields(curves)
        if field.name != "restarts"
    }
    return pd.DataFrame({**columns, "mark": [marks.get(int(k), "") for k in curves.rank]})


def marked_ranks(survey: xr.Dataset) -> tuple[int | None, int | None]:
    """Return the recommended rank and the runner-up that the attributes of a survey name, None for none.

    Examples
    --------
    >>> import xarray as xr
    >>> marked_ranks(xr.Dataset(attrs={"recommended_rank": 8, "runner_up_rank": "none"}))
    (8, None)
    """
    given = (survey.attrs.get(name) for name in ("recommended_rank", "runner_up_rank"))
    first, second = (int(value) if isinstance(value, Integral) else None for value in given)
    return first, second
