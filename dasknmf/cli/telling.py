"""What commands tell while they run: log lines as text or JSON, a progress bar, metrics."""

from __future__ import annotations

import logging
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dasknmf.events import Listener

#: How log lines look.
FORMATS = ("text", "json")


def telling_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the whole program that say what is told, and where."""
    for option in reversed(
        [
            click.option("-q", "--quiet", is_flag=True, help="No progress on stderr."),
            click.option(
                "--log-format",
                type=click.Choice(FORMATS),
                default="text",
                show_default=True,
                help="Log lines on stderr for people, or one JSON object a line for machines.",
            ),
            click.option(
                "--metrics",
                metavar="PLACE",
                help="Metrics for Prometheus: a port on loopback such as 9464, host:port, or a file such as run.prom.",
            ),
            click.option(
                "--insecure-metrics", is_flag=True, help="Let --metrics serve beyond loopback, unencrypted."
            ),
        ]
    ):
        command = option(command)
    return command


def set_up_logging(context: click.Context) -> None:
    """Send what this package logs to stderr while a command runs."""
    # not the root logger: that would print what Dask, s3fs and others log too
    logger = logging.getLogger("dasknmf")
    logger.setLevel(logging.WARNING if context.obj["quiet"] else logging.INFO)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(context.obj["log_format"]))
    logger.addHandler(handler)
    context.call_on_close(lambda: logger.removeHandler(handler))


def _formatter(log_format: str) -> logging.Formatter:
    if log_format == "text":
        return logging.Formatter("%(asctime)s %(message)s")
    from dasknmf.observing.records import JsonLines

    return JsonLines()


@contextmanager
def listener_of(context: click.Context) -> Iterator[Listener]:
    """Give the listener of a command: progress, and metrics where they are asked for."""
    from dasknmf.progress import also_telling, progress_listener

    obj = context.obj
    with ExitStack() as stack:
        if obj["metrics"] is not None:
            from dasknmf.observing.metrics import exported

            metrics = stack.enter_context(exported(obj["metrics"], insecure=obj["insecure_metrics"]))
            # first, for a quiet command listens to nothing where nobody else does
            stack.enter_context(also_telling(metrics))
        yield stack.enter_context(progress_listener(quiet=obj["quiet"], lines=obj["log_format"] == "json"))


def say_error(text: str, log_format: str) -> None:
    """Print why a command failed on stderr, in the format of its log lines."""
    if log_format == "text":
        click.echo(f"dasknmf: {text}", err=True)
        return
    record = logging.makeLogRecord({"name": "dasknmf", "levelname": "ERROR", "msg": text})
    click.echo(_formatter(log_format).format(record), err=True)
