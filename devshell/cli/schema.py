"""`devshell schema`: what editors need to complete and check a manifest. Reads only."""

from __future__ import annotations

from devshell.cli import render


def schema() -> None:
    """Print the JSON Schema of devshell.toml, for editors."""
    from devshell import schemas

    render.data(schemas.manifest_schema_text().removesuffix("\n"))
