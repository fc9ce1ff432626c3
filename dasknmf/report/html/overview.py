"""The sections that tell what was factorized, how, and what came out in short."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.report.html.blocks import heading, items, section, table, text
from dasknmf.report.html.formats import count, number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dasknmf.report.html.blocks import Block
    from dasknmf.report.html.runs import Contents, Run

#: What a person asks of a network first, with its words.
OF_CARD = {
    "genes": "genes",
    "edges": "pairs of genes with a weight",
    "density": "share of all pairs",
    "self_loops": "genes with a weight to themselves",
    "isolated": "genes without any weight",
    "weight_minimum": "smallest weight",
    "weight_maximum": "largest weight",
    "degree_median": "edges of a gene, median",
    "degree_maximum": "edges of a gene, most",
    "frobenius_norm": "‖A‖, root of the sum of squared weights",
    "layout": "stored as",
    "storage": "numbers stored as",
    "storage_error": "‖A − stored‖ / ‖A‖",
    "lost_edges": "edges that became 0 in storage",
    "bytes_per_sweep": "bytes of one read",
    "checksum": "checksum",
}


def in_short(contents: Contents) -> Block | None:
    """Return the answers of all sections, one sentence each."""
    said = [
        f"{run.name}: {sentence}" if len(contents.of(run.kind)) > 1 else sentence
        for run in contents.runs
        if (sentence := _answer(run))
    ]
    listed = items(said)
    return None if listed is None else section("in-short", "In short", [listed])


def _answer(run: Run) -> str:
    """Return what a result says, in a sentence; empty where it has no verdict."""
    a = run.attrs
    if run.kind == "survey" and a.get("reason"):
        return f"Rank: {a['reason']}."
    if run.kind == "symmetry" and a.get("verdict"):
        return f"Symmetry: {a['verdict']}"
    if run.kind == "comparison":
        verdicts = [str(one) for one in run.result["claim_verdict"].to_numpy()]
        return f"Algorithms: {verdicts.count('reproduced')} of {count(len(verdicts), 'claim')} reproduced."
    if run.kind == "fragmentation":
        return f"Nesting: {a.get('sentence') or a['verdict']}"
    return ""


def of_network(contents: Contents) -> Block:
    """Return what was factorized: the card of the network, checks, and what was run on it."""
    return section(
        "network",
        "What was factorized",
        [
            text(_lead(contents)),
            _card(contents.card),
            _made(contents.card),
            heading("Checks"),
            _checks(contents),
            heading("Runs"),
            _runs(contents),
        ],
    )


def _lead(contents: Contents) -> str:
    if contents.card:
        card = contents.card
        return (
            f"{card['location']} is a symmetric network of {count(card['genes'], 'gene')} and "
            f"{count(card['edges'], 'weighted pair')} of genes."
        )
    by_name = {run.network: run for run in reversed(contents.runs) if run.network and not run.control}
    told = [
        f"{name}{_genes(run)}{f', checksum {run.checksum}' if run.checksum else ''}"
        for name, run in by_name.items()
    ]
    which = "; ".join(told) or "a network whose name the results do not have"
    return f"The results are of {which}. The store itself was not at hand, so its card is left out."


def _genes(run: Run) -> str:
    return f", {count(int(run.attrs['genes']), 'gene')}" if "genes" in run.attrs else ""


def _card(card: dict[str, Any]) -> Block | None:
    kinds = {"density": "percent", "bytes_per_sweep": "size"}
    rows = [(words, card[name], kinds.get(name, "number")) for name, words in OF_CARD.items() if name in card]
    return _properties("The network", rows)


def _made(card: dict[str, Any]) -> Block | None:
    """Return how weights were made and from what, as the store says."""
    weights, provenance = card.get("weights", {}), card.get("provenance", {})
    return _properties(
        "How its weights were made",
        [(name, value, "text") for name, value in _flat({**weights, **provenance})],
    )


def _flat(given: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Return names and values of a mapping and of those inside it; what is empty is left out."""
    for key, value in given.items():
        name = f"{before}{key}".replace("_", " ")
        if isinstance(value, dict):
            yield from _flat(value, f"{name}: ")
        elif value not in (None, "", []):
            yield name, ", ".join(map(str, value)) if isinstance(value, list) else value


def _properties(caption: str, rows: list[tuple[str, Any, str]]) -> Block | None:
    """Return a table of names and values, each value written by a kind of its own."""
    made = table(caption, [("Property", "text"), ("Value", "text")], [row[:2] for row in rows])
    if made is not None:
        made["kinds"] = [kind for *_, kind in rows]
    return made


def _checks(contents: Contents) -> Block | None:
    """Return what a reader should know before trusting anything below."""
    said = []
    card = contents.card
    known = [run for run in contents.runs if run.checksum and not run.control]
    if card and known:
        wrong = [run.name for run in known if run.checksum != card["checksum"]]
        all_of = "All results are of this very network: their checksum is that of the store."
        said.append(f"Not of this network, by their checksums: {', '.join(wrong)}." if wrong else all_of)
    elif known and not contents.several:
        said.append("All results say the same checksum of their network.")
    if contents.several:
        said.append("Results of more than one network are on this page, as was asked for.")
    if card.get("isolated"):
        said.append(
            f"{count(card['isolated'], 'gene has', 'genes have')} no edge, so no factor can say anything of them."
        )
    if card.get("lost_edges"):
        said.append(
            f"{count(card['lost_edges'], 'edge')} became 0 when weights were stored as {card['storage']}."
        )
    fits = [run for run in contents.of("fit") if "converged" in run.attrs]
    open_ = [
        f"{run.name} ({run.attrs.get('stop_reason', 'stopped')})"
        for run in fits
        if not run.attrs["converged"]
    ]
    if open_:
        said.append(f"Not converged: {', '.join(open_)}.")
    elif fits:
        said.append(f"{'The fit' if len(fits) == 1 else f'All {len(fits)} fits'} converged.")
    return items(said) or text("There was nothing to check.")


def _runs(contents: Contents) -> Block | None:
    """Return one row a result: what it cost, and for fits how good they are."""
    columns = [
        ("Result", "text"),
        ("Kind", "text"),
        ("Network", "text"),
        ("Algorithm", "text"),
        ("Factors", "number"),
        ("Relative error", "number"),
        ("Eckart–Young bound", "number"),
        ("Reads of A", "number"),
        ("Bytes a read", "size"),
        ("Memory of a process, forecast", "size"),
        ("Time", "seconds"),
    ]
    names = (
        "solver",
        "n_components",
        "relative_error",
        "eckart_young",
        "reads",
        "bytes_per_read",
        "memory_forecast",
        "seconds",
    )
    rows = []
    for run in contents.runs:
        attributes = run.attrs
        network = run.network if contents.several or run.control else ""
        rows.append([run.name, run.kind, network, *(_value(attributes.get(name)) for name in names)])
    return table("What was run, and what it took", columns, rows)


def _value(value: Any) -> Any:
    """Return an attribute as a plain value; lists, as of several ranks, as text."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return ", ".join(map(number, value)) if isinstance(value, (list, tuple)) else value
