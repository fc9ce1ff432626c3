"""One small network and a result of every kind, really run, with names that no page may take for its own."""

import numpy as np

import dasknmf

EVIL = (
    "<script>alert('gene')</script>",
    '"><img src=x onerror=alert(2)>',
    "$\\frac{a}{b}$ & $",
    "</svg></table></main>",
    "{{ 7 * 7 }}",
)
#: A folder that must not be on any page.
FOLDER = "home of somebody"


def evil_network(genes=60, seed=0):
    """Two modules and a pair of partners; the first genes, which lead factors, have the names above."""
    rng = np.random.default_rng(seed)
    A = 0.02 * rng.random((genes, genes))
    for start in (0, 15):
        A[start : start + 15, start : start + 15] += 1 + 0.3 * rng.random((15, 15))
    A[30:45, 45:] += 1.4 + 0.3 * rng.random((15, genes - 45))
    A = np.triu(A, 1) + np.triu(A, 1).T
    A[: len(EVIL), :15] *= 1.5
    A[:15, : len(EVIL)] = A[: len(EVIL), :15].T
    names = [*EVIL, *(f"GENE{g}" for g in range(len(EVIL), genes))]
    return A, names


def results(folder):
    """Save a result of every kind and return their places by kind, with that of the network."""
    place = folder / FOLDER
    place.mkdir()
    A, names = evil_network()
    store = place / "net & <i>work.zarr"
    dasknmf.import_network(A, store, genes=names)
    fit = dasknmf.nmf(store, n_components=4)
    sets = {"<b>first</b>": names[:15], "second": names[15:30], "third": names[30:45], "fourth": names[45:]}
    gmt = place / "sets.gmt"
    gmt.write_text("".join("\t".join([name, "", *genes]) + "\n" for name, genes in sets.items()))
    nested = {
        "tree": dasknmf.nested(store, [4, 2], restarts=2),
        "soules": dasknmf.nested(dasknmf.control_network("soules", 64, levels=2), [4, 2], restarts=2),
    }
    made = {
        "fit": fit,
        "survey": dasknmf.survey(store, [2, 3, 4], restarts=3),
        "symmetry": dasknmf.symmetry(fit, store, restarts=2, nulls=3),
        "comparison": dasknmf.compare(
            store, 3, solvers=["hals", "mu"], kinds=["network", "shuffle"], restarts=2, max_iter=20
        ),
        "nested": nested["tree"],
        "control": nested["soules"],
        "fragmentation": dasknmf.fragmentation(nested),
        "enrichment": dasknmf.enrich(fit, gmt, min_size=3),
    }
    places = {kind: place / f"{kind}.zarr" for kind in made}
    for kind, result in made.items():
        dasknmf.save(result, places[kind])
    return {**places, "network": store}
