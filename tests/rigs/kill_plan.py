"""What is killed, in which command and when: a plan that a seed decides, and a tally of what came of it."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Stage:
    """A command; ``output`` is what it makes, ``needs`` what it is given."""

    arguments: tuple[str, ...]
    output: str
    needs: tuple[str, ...] = ("net.zarr",)
    #: Whether it keeps what is done, and runs on a cluster.
    kept: bool = True
    #: Before it begins, the output is that of another stage.
    replaces: str | None = None


def stage(words: str, **options: Any) -> Stage:
    arguments = tuple(words.split())
    return Stage(arguments, **options)


EXACT = "--exact --init random --max-iter 60 --tol 0 --tol-objective 0 --checkpoint-iterations 3"
STAGES = {
    "import": stage("import edges.tsv new.zarr", output="new.zarr", needs=("edges.tsv",), kept=False),
    "sparse import": stage(
        "import edges.tsv new.zarr --layout sparse --temp-dir .",
        output="new.zarr",
        needs=("edges.tsv",),
        kept=False,
    ),
    "sketch, fit, polish": stage(
        "fit net.zarr -k 3,5 --init random --polish 15 --checkpoint-iterations 2 -o out.zarr",
        output="out.zarr",
    ),
    "exact fit": stage(f"fit net.zarr -k 4 {EXACT} -o out.zarr", output="out.zarr"),
    "fit in place of another": stage(
        f"fit net.zarr -k 5 {EXACT} --force -o out.zarr", output="out.zarr", replaces="exact fit"
    ),
    "survey": stage("survey net.zarr --ranks 2:5 --restarts 3 -o out.zarr", output="out.zarr"),
    "nest": stage("nest net.zarr -k 6,3 --restarts 2 -o out.zarr", output="out.zarr"),
    "zoom": stage(
        "nest net.zarr -k 3 --method zoom --restarts 2 --nulls 19 --levels 1 -o out.zarr", output="out.zarr"
    ),
    "symmetry": stage(
        "symmetry fit.zarr --network net.zarr -o out.zarr --restarts 2 --no-price",
        output="out.zarr",
        needs=("net.zarr", "fit.zarr"),
    ),
    "export": stage("export fit.zarr out.tsv", output="out.tsv", needs=("fit.zarr",), kept=False),
}
#: Stages that take long enough on a cluster for something to be killed in the middle.
CLUSTERED = ["sketch, fit, polish", "exact fit", "survey", "nest", "zoom"]


@dataclass(frozen=True)
class Moment:
    """When the client is killed: at a share of its time, or of its changes of files, and how long after that."""

    at: str
    share: float
    delay: float


@dataclass(frozen=True)
class Round:
    """Who is killed in which stage and when; ``where`` the tasks run."""

    victim: str
    stage: str
    where: str
    moments: tuple[Moment, ...]
    number: int


def plan(seed: int) -> Iterator[Round]:
    """Yield rounds, the same for a seed."""
    draw = random.Random(seed)
    while True:
        victim = draw.choices(["client", "worker", "nanny", "scheduler"], weights=[76, 8, 8, 8])[0]
        if victim == "client":
            chosen = draw.choice(list(STAGES))
            where = draw.choices(["threads", "local", "cluster"], weights=[20, 1, 3])[0]
            if chosen not in CLUSTERED:
                where = "threads"
        else:
            chosen, where = draw.choice(CLUSTERED), "cluster"
        moments = tuple(
            Moment(
                draw.choice(["time", "step"]) if victim == "client" else "time",
                draw.random(),
                draw.choice([0.0, 0.0, 0.0005, 0.003]),
            )
            # the run that goes on is killed again in every third round
            for _ in range(1 + (victim == "client" and draw.random() < 1 / 3))
        )
        yield Round(victim, chosen, where, moments, draw.randrange(2))


@dataclass
class Tally:
    """What came of all rounds; a line each of what must not be."""

    kills: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    lost: list[str] = field(default_factory=list)
    half: list[str] = field(default_factory=list)
    differ: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    litter: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    #: Runs that a loss in the cluster ended, so that they had to be resumed.
    ended: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> dict[str, list[str]]:
        names = ("lost", "half", "differ", "orphans", "litter", "unclear", "ended")
        return {name: getattr(self, name) for name in names if getattr(self, name)}
