"""Fits made to be put beside the one that is examined: its restarts, and fits of null networks."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.analysis.restarts import factors
from dasknmf.errors import InputError
from dasknmf.events import StageAdvanced
from dasknmf.laboratory.assignment import partners
from dasknmf.laboratory.beyond import EVERY, inertia_defect, recurrence_with
from dasknmf.laboratory.fits import Restart, gauge_of, restart_options
from dasknmf.laboratory.measuring import measures
from dasknmf.models import nmf_many
from dasknmf.null_models import null_network
from dasknmf.options import ModelOptions
from dasknmf.progress import silent
from dasknmf.solvers import is_direct, is_seeded

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    import xarray as xr
    from numpy.typing import NDArray

    from dasknmf.execution import Execution
    from dasknmf.generated.network import GeneratedNetwork
    from dasknmf.options import RunOptions
    from dasknmf.parts import KeptParts

#: What a network may be put beside.
KINDS = ("shuffle", "degree", "uniform")


@dataclass(frozen=True, eq=False)
class NullFits:
    """Fits of null networks.

    Attributes
    ----------
    kinds : list of str, length B
        Which null model each network is of.
    by_null : ndarray, shape (measures, B)
        :data:`dasknmf.laboratory.beyond.EVERY` of each fit, in their order.
    cosines : list of ndarray, each of shape (factors,)
        Of each factor that is zero on neither side and its partner.
    """

    kinds: list[str]
    by_null: NDArray[np.float64]
    cosines: list[NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Refits:
    """Fits like a given one, of the same network or of others.

    Parameters
    ----------
    network : as in :func:`dasknmf.nmf`
        The network.
    model, run : ModelOptions, RunOptions
        Of the fit that is examined.
    execution : Execution
        Where and how; its checkpoint is not used.
    parts : KeptParts
        What is done already.
    seed : int
        The first of those that are used.
    """

    network: Any
    model: ModelOptions
    run: RunOptions
    execution: Execution
    parts: KeptParts
    seed: int = 0

    def restarts(self, number: int, *, taken: Collection[int] = ()) -> list[Restart]:
        """Fit the network again from random starts, of seeds that are not taken; all share each read.

        Raises
        ------
        InputError
            If the solver has nothing random.
        """
        free = (seed for seed in range(self.seed, self.seed + number + len(taken)) if seed not in taken)
        models = restart_options(self.model, [seed for seed, _ in zip(free, range(number), strict=False)])
        kept = [self.parts.get(f"restart-{model.name}") for model in models]
        if models and not any(part is None for part in kept):
            return [Restart.kept(model.name, *part) for model, part in zip(models, kept, strict=True) if part]
        # all or none: models that share products round alike only in the same company
        found = [
            Restart.of(model.name, fit)
            for model, fit in zip(models, self._fits(self.network, models), strict=True)
        ]
        for restart in found:
            about = {"relative_error": restart.relative_error}
            self.parts.put(f"restart-{restart.name}", about, restart.arrays)
        return found

    def nulls(self, number: int, kinds: Sequence[str], *, again: bool = True) -> NullFits:
        """Fit ``number`` networks of each kind of null model, with the options of the fit that is examined.

        ``again`` fits each a second time, from a random start, for its recurrence: half as long again and more.
        """
        labels, columns, cosines = [], [], []
        began, of = time.perf_counter(), number * len(kinds)
        for kind in kinds:
            first: GeneratedNetwork | None = None
            for b in range(number):
                name = f"null-{kind}-{self.seed + b}{'' if again else '-alone'}"
                part = self.parts.get(name)
                if part is None:
                    # what is random in a null network is its tiles; what it keeps is read from the network once
                    first = first or null_network(
                        self.network, kind, seed=self.seed, storage_options=self.execution.storage_options
                    )
                    part = self._null(first.reseeded(self.seed + b), again=again)
                    self.parts.put(name, *part)
                content, arrays = part
                values, cosine = [float(content[name]) for name in EVERY], arrays["cosine"]
                labels.append(kind)
                columns.append(values)
                cosines.append(cosine)
                seconds, done = time.perf_counter() - began, len(labels)
                left = seconds / done * (of - done)
                self.execution.progress(StageAdvanced("null networks", done, of, seconds, left))
        by_null = np.array(columns).reshape(-1, len(EVERY)).T
        return NullFits(labels, by_null, cosines)

    def _null(
        self, network: GeneratedNetwork, *, again: bool
    ) -> tuple[dict[str, float], dict[str, NDArray[Any]]]:
        """Return what is measured of the fit of one null network, and the cosines of its factors.

        A restart, and the spectrum, share its reads.
        """
        # a method without chance has the same seed for all
        model = replace(self.model, seed=network.seed) if is_seeded(self.model.solver) else self.model
        spectrum = ModelOptions(model.n_components, solver="svd")
        # a direct method would take as long again
        more = restart_options(model, [model.seed + 1]) if again and not is_direct(model.solver) else []
        fit, values, *others = self._fits(network, [model, spectrum, *more])
        made = factors(fit)
        found = partners(made)
        measured = measures(made, gauge_of(fit), found=found)
        measured["inertia_defect"] = inertia_defect(
            measured["two_cycles"], values["eigenvalue"].to_numpy(), model.n_components
        )
        measured["recurrence"] = recurrence_with(made, factors(others[0])) if others else float("nan")
        return measured, {"cosine": found.partner_cosine[found.matched]}

    def _fits(self, network: Any, models: Sequence[ModelOptions]) -> Iterator[xr.Dataset]:
        if not models:
            return iter(())
        quiet = replace(self.execution, checkpoint=None, resume=False, progress=silent)
        run = {**asdict(self.run), "bound": False}
        fits = nmf_many(network, list(models), execution=quiet, **run)
        return (fits[model.name].to_dataset() for model in models)


def check_kinds(kinds: Sequence[str]) -> tuple[str, ...]:
    """Return kinds of null model, each once.

    Raises
    ------
    InputError
        If one is not known.

    Examples
    --------
    >>> check_kinds(["shuffle", "degree", "shuffle"])
    ('shuffle', 'degree')
    """
    given = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    for kind in given:
        if kind not in KINDS:
            msg = f"kinds: {kind!r} is no null model of a network; there are: {', '.join(KINDS)}"
            raise InputError(msg)
    return tuple(dict.fromkeys(given))
