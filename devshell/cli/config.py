"""`devshell config`: the user's own configuration."""

from __future__ import annotations

from typing import Annotated

import typer

from devshell import config
from devshell.cli import options, render

app = typer.Typer(help="Read and change your own configuration.", invoke_without_command=True)

Name = Annotated[str, typer.Argument(metavar="KEY", help="A key, as `devshell config` lists them.")]


@app.callback()
def listed(context: typer.Context, json: options.Json = False) -> None:
    """Read and change your own configuration; alone, list every key with its value."""
    if context.invoked_subcommand is not None:
        return
    settings = config.load(config.config_file())
    values = {key.name: getattr(settings, key.field) for key in config.KEYS.values()}
    if json:
        render.as_json({name: _hidden(value) for name, value in values.items()})
        return
    render.table(
        [[key.name, config.shown(values[key.name]) or "—", key.description] for key in config.KEYS.values()],
        ["key", "value", "meaning"],
    )


@app.command("get")
def get(name: Name) -> None:
    """Print the value of a key, its default included."""
    render.data(config.shown(config.get(config.config_file(), name)))


@app.command("set")
def set_(name: Name, value: Annotated[str, typer.Argument(metavar="VALUE", help="Lists with commas.")]) -> None:
    """Set a key."""
    config.set_value(config.config_file(), name, value)
    render.line(f"{name} = {config.shown(config.get(config.config_file(), name))}")


@app.command("unset")
def unset(name: Name) -> None:
    """Take a key out, so that its default holds."""
    config.unset(config.config_file(), name)
    render.line(f"{name} = {config.shown(config.get(config.config_file(), name)) or 'not set'}")


def _hidden(value: object) -> object:
    if isinstance(value, tuple):
        return [config.hide_logins(str(item)) for item in value]
    return value
