"""What the registry says of a package's layout, for one version on one platform."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from devshell.registry import Layout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devshell.registry import Offer


def filled(offer: Offer | None, version: str, release: str, platform: str) -> Layout:
    """Return the layout of a version with its fields filled in; the empty one where the registry says nothing."""
    if offer is None:
        return Layout()
    layout = offer.layout(version)

    def texts(templates: Mapping[str, str]) -> Mapping[str, str]:
        return MappingProxyType({k: offer.fill(templates[k], version, release, platform) for k in sorted(templates)})

    return Layout(
        layout.when,
        None if layout.bin is None else texts(layout.bin),
        texts(layout.variables),
        tuple(texts(fixup) for fixup in layout.fixups),
    )
