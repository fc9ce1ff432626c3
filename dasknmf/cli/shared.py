"""What several commands share: options, and how their values are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from dasknmf.errors import InputError


def storage_of(context: click.Context) -> dict[str, Any]:
    """Return the options of the object store, from --storage-options or the environment."""
    from dasknmf.storage import read_storage_options

    return read_storage_options(context.obj["storage_options"])


def read_config(context: click.Context, /, _: click.Parameter, path: str | None) -> None:
    """Take the defaults of a command from a YAML file with the names of its options."""
    if path is None:
        return
    import yaml

    try:
        given = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        msg = f"config {path}: {error}"
        raise InputError(msg) from error
    known = {str(parameter.name) for parameter in context.command.params}
    if not isinstance(given, dict):
        msg = f"config {path}: holds {type(given).__name__}, needs a mapping of option: value"
        raise InputError(msg)
    unknown = sorted(set(given) - known)
    if unknown:
        there = ", ".join(sorted(known - {"config"}))
        msg = f"config {path}: {unknown[0]!r} is not an option of {context.command.name}; there are: {there}"
        raise InputError(msg)
    context.default_map = {**(context.default_map or {}), **given}


config_option = click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False),
    callback=read_config,
    is_eager=True,
    expose_value=False,
    help="YAML file with the names of these options.",
)
force_option = click.option("-f", "--force", is_flag=True, help="Replace what is at the output.")
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")


class Numbers(click.ParamType):  # type: ignore[type-arg, unused-ignore] # generic since click 8.5
    """Whole numbers: ``32``, ``8,16,32`` or ``0:5`` (0 to 4)."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        """Return the list of numbers."""
        if isinstance(value, list):
            return value
        numbers: list[int] = []
        try:
            for part in str(value).split(","):
                if ":" in part:
                    numbers += range(*(int(end) for end in part.split(":")))
                else:
                    numbers.append(int(part))
        except (ValueError, TypeError):
            numbers = []
        if not numbers:
            self.fail(f"{value!r}: give whole numbers such as 32, 8,16,32 or 0:5", param, ctx)
        return numbers
