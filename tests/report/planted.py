"""A symmetry by its schema, computed in numpy from factors whose modules and pairs are planted."""

import numpy as np
import xarray as xr
from scipy.optimize import linear_sum_assignment

MEASURES = ("matched_cosine", "involution_defect", "matched_linearity", "two_cycles", "own_slope_dispersion")


def planted_fit(*, modules=3, pairs=2, loose=0, genes=400, seed=0):
    """W and Hᵀ: modules, then the two factors of each pair, then factors whose sides have nothing in common."""
    rng = np.random.default_rng(seed)
    k = modules + 2 * pairs + loose
    sets = rng.gamma(0.7, 1, (genes, k)) * (rng.random((genes, k)) < max(0.06, 1.2 / k))
    W, Ht = sets.copy(), sets.copy()
    for at in range(modules, modules + 2 * pairs, 2):
        Ht[:, [at, at + 1]] = sets[:, [at + 1, at]]
    if loose:
        Ht[:, -loose:] = rng.gamma(0.7, 1, (genes, loose)) * (rng.random((genes, loose)) < 0.1)
    for side in (W, Ht):
        side *= np.exp(0.15 * rng.standard_normal(side.shape))
        side += 0.02 * rng.gamma(0.5, 1, side.shape) * (rng.random(side.shape) < 0.5)
        side /= np.linalg.norm(side, axis=0)
    shuffled = rng.permutation(k)
    scale = np.sqrt(1 + np.arange(k)[::-1])
    names = np.array([f"GENE{g}" for g in range(genes)], dtype=object)
    return xr.Dataset(
        {
            "W": (("gene", "factor"), (W[:, shuffled] * scale)),
            "H": (("factor", "gene"), (Ht[:, shuffled] * scale).T),
        },
        coords={"gene": names, "factor": np.arange(k)},
    )


def symmetry_of(fit, *, restarts=5, nulls=20, kinds=("degree", "shuffle"), ranks=24, seed=0):
    """The variables the figures draw; with one restart, no nulls or no ranks, without theirs."""
    rng = np.random.default_rng(seed)
    W, Ht = fit["W"].to_numpy(), fit["H"].to_numpy().T
    k = W.shape[1]
    unit = [side / np.linalg.norm(side, axis=0) for side in (W, Ht)]
    cosine = unit[0].T @ unit[1]
    partner = linear_sum_assignment(cosine, maximize=True)[1]
    label, length = cycle_of(partner)
    matched = cosine[np.arange(k), partner]
    kind = np.where(length == 1, "module", "pair").astype(object)
    kind[(length > 2) | (matched < 0.6)] = "unresolved"
    x, y = W, Ht[:, partner]
    slope = (x * y).sum(0) / (x * x).sum(0)
    error = 1.96 * np.sqrt((x**2 * (y - slope * x) ** 2).sum(0)) / (x * x).sum(0)
    gauge = np.exp(1.5 * rng.standard_normal(k))
    top = np.argsort(-np.stack([W, Ht]), axis=1)[:, :3]
    genes = fit["gene"].to_numpy()
    data = {
        "cosine": (("factor", "partner"), cosine),
        "partner_of": ("factor", partner),
        "own_cosine": ("factor", np.diag(cosine)),
        "partner_cosine": ("factor", matched),
        "cycle": ("factor", label),
        "cycle_length": ("factor", length),
        "class": ("factor", kind),
        "linearity": ("factor", matched**2),
        "slope": ("factor", slope),
        "slope_low": ("factor", slope - error),
        "slope_high": ("factor", slope + error),
        "own_slope": ("factor", slope * gauge),
        "top_gene": (("factor", "side", "top"), genes[top].transpose(2, 0, 1)),
        "measured": (
            "measure",
            np.array([matched.mean(), 0.05, (matched**2).mean(), (length == 2).sum() / 2, 1.5]),
        ),
        "gauge_free": ("measure", np.array([1, 1, 1, 1, 0])),
    }
    coords = {"factor": np.arange(k), "side": ["W", "H"], "measure": list(MEASURES)}
    if restarts > 1:
        recurrence = np.clip(matched - 0.1 * rng.random(k), 0, 1)
        times = rng.binomial(restarts - 1, 0.5, k) / (restarts - 1)
        for name, values, half in (("recurrence", recurrence, 0.08), ("orientation", times, 0.2)):
            data[name] = ("factor", values)
            data[f"{name}_low"] = ("factor", np.clip(values - half * rng.random(k), 0, 1))
            data[f"{name}_high"] = ("factor", np.clip(values + half * rng.random(k), 0, 1))
        by_fit = data["measured"][1][:, None] + 0.03 * rng.standard_normal((5, restarts))
        by_fit[3] = data["measured"][1][3] + rng.integers(-1, 1, restarts)
        data |= {"by_fit": (("measure", "fit"), by_fit)}
        data |= {name: ("measure", by_fit.mean(1) + d) for name, d in (("low", -0.02), ("high", 0.02))}
    if nulls:
        base = np.array([0.7, 0.6, 0.5, k / 3, 1.0])[:, None]
        by_null = base * (1 + 0.1 * rng.standard_normal((5, nulls * len(kinds))))
        mean = by_null.reshape(5, len(kinds), nulls).mean(2)
        deviation = by_null.reshape(5, len(kinds), nulls).std(2, ddof=1)
        z = (data["measured"][1][:, None] - mean) / deviation
        data |= {
            "by_null": (("measure", "null"), by_null),
            "null_kind": ("null", np.repeat(np.array(kinds, dtype=object), nulls)),
            "null_mean": (("measure", "kind"), mean),
            "z": (("measure", "kind"), z),
            "p": (("measure", "kind"), np.where(np.abs(z) > 2, 2 / (nulls + 1), 0.4)),
        }
        coords["kind"] = list(kinds)
    if ranks:
        negative = rng.random(ranks) < 0.3
        count = np.cumsum(negative)
        data |= {
            "predicted_pairs": ("rank", count),
            "predicted_low": ("rank", np.maximum(count - np.arange(ranks) // 8, 0)),
            "predicted_high": ("rank", count + np.arange(ranks) // 6),
            "splits": ("rank", (np.arange(ranks) % 5 == 2).astype(int)),
        }
        coords["rank"] = np.arange(1, ranks + 1)
    attrs = {"network": "planted", "solver": "hals", "n_components": k, "reference": "hals-seed0"}
    return xr.Dataset(data, coords=coords, attrs=attrs)


def cycle_of(partner):
    """Number and length of the cycle of every place."""
    label = np.full(len(partner), -1)
    for start in range(len(partner)):
        at = start
        while label[at] < 0:
            label[at] = start
            at = partner[at]
    return label, np.bincount(label, minlength=len(partner))[label]


def comparison_of(*, networks=("real", "degree", "shuffle"), solvers=6, restarts=5, seed=0):
    rng = np.random.default_rng(seed)
    names = ["hals", "mu", "brunet", "bpp", "cogaps", "symhals", "symmu", "spectral"][:solvers]
    shape = (len(networks), solvers, restarts)
    level = np.array([0.95, 0.7, 0.5])[: len(networks), None, None] - 0.02 * np.arange(solvers)[:, None]
    return xr.Dataset(
        {
            "matched_linearity": (
                ("network", "solver", "restart"),
                level + 0.03 * rng.standard_normal(shape),
            ),
            "own_slope_dispersion": (("network", "solver", "restart"), np.exp(rng.standard_normal(shape))),
        },
        coords={"network": list(networks), "solver": names, "restart": np.arange(restarts)},
    )
