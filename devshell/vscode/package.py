"""The VSIX: devshell's extension as one file that an editor installs. The same content gives the same bytes."""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from devshell import __version__
from devshell.errors import DevshellError, Place
from devshell.files import explained, shipped

#: The file that says which devshell the extension calls; only an installation writes it.
LAUNCHER = "launcher.json"
_SCHEMA = "schema.json"
_LICENCE = "LICENSE"
#: The first time that a zip can say.
_TIME = (1980, 1, 1, 0, 0, 0)
_SEMVER = re.compile(
    r"(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2}"
    r"(?:-(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*)?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
_TYPES = {
    ".css": "text/css",
    ".js": "application/javascript",
    ".json": "application/json",
    ".md": "text/markdown",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".vsixmanifest": "text/xml",
}


@dataclass(frozen=True, slots=True)
class Package:
    """A VSIX: what is in it is `version` of the extension; `content` are its bytes."""

    version: str
    content: bytes


def make(launcher: str | None = None) -> Package:
    """Return the VSIX of the extension that comes with this devshell.

    `launcher` is the absolute path of the command `devshell` that the extension is to call; without it, the extension
    looks for one. Raises DevshellError where the extension's files are missing or wrong.
    """
    files = _files(folder())
    manifest = _manifest(files)
    manifest["version"] = version(manifest)
    files["package.json"] = _json(manifest)
    files[_SCHEMA] = _schema()
    if launcher is not None:
        files[LAUNCHER] = _json({"command": launcher})
    # Part names of such a package have an extension.
    files[f"{_LICENCE}.txt"] = files.pop(_LICENCE)
    parts = {f"extension/{name}": content for name, content in files.items()}
    parts["extension.vsixmanifest"] = _vsixmanifest(manifest, set(files)).encode()
    parts["[Content_Types].xml"] = _content_types(set(parts)).encode()
    return Package(manifest["version"], _zip(parts))


def folder() -> Path:
    """Return the folder of the extension.

    It lies inside of the package once installed, and beside it in a checkout. Raises DevshellError if it is in neither.
    """
    found = shipped("editors/vscode/package.json")
    if found is not None:
        return Path(found).parent
    raise DevshellError("devshell's own folder editors/vscode is missing", hint="install devshell again")


def version(manifest: dict[str, Any]) -> str:
    """Return the extension's version: devshell's own where editors can read it, else what its manifest says."""
    return __version__ if _SEMVER.fullmatch(__version__) else str(manifest["version"])


def _files(top: Path) -> dict[str, bytes]:
    """Return what is packed, by its name within the extension: all but tests, hidden files and what is made here."""
    found = {}
    for path in sorted(top.rglob("*")):
        name = path.relative_to(top)
        if name.parts[0] in {"test", "node_modules"} or any(part.startswith(".") for part in name.parts):
            continue
        if path.is_file() and str(name) not in {LAUNCHER, _SCHEMA}:
            with explained(path, "read"):
                found[name.as_posix()] = path.read_bytes()
    if _LICENCE not in found:
        licence = top.parent.parent / _LICENCE
        with explained(licence, "read"):
            found[_LICENCE] = licence.read_bytes()
    return found


def _manifest(files: dict[str, bytes]) -> dict[str, Any]:
    try:
        manifest = json.loads(files["package.json"])
    except ValueError as problem:
        place = Place(str(folder() / "package.json"))
        raise DevshellError(f"not JSON: {problem}", place=place, hint="install devshell again") from None
    if not isinstance(manifest, dict) or not {"name", "publisher", "version", "engines"} <= manifest.keys():
        place = Place(str(folder() / "package.json"))
        raise DevshellError("no manifest of an extension", place=place, hint="install devshell again")
    return manifest


def _schema() -> bytes:
    from devshell.schemas import manifest_schema_text

    return manifest_schema_text().encode()


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def _vsixmanifest(manifest: dict[str, Any], files: set[str]) -> str:
    """Return the packaging's own manifest, which repeats what shops and editors read of package.json."""
    properties = {
        "Microsoft.VisualStudio.Code.Engine": manifest["engines"].get("vscode", "*"),
        "Microsoft.VisualStudio.Code.ExtensionDependencies": ",".join(manifest.get("extensionDependencies", ())),
        "Microsoft.VisualStudio.Code.ExtensionPack": ",".join(manifest.get("extensionPack", ())),
        "Microsoft.VisualStudio.Code.ExtensionKind": ",".join(manifest.get("extensionKind", ())),
        "Microsoft.VisualStudio.Code.ExecutesCode": "true",
    }
    assets = {
        "Microsoft.VisualStudio.Code.Manifest": "package.json",
        "Microsoft.VisualStudio.Services.Content.Details": "README.md",
        "Microsoft.VisualStudio.Services.Content.Changelog": "CHANGELOG.md",
        "Microsoft.VisualStudio.Services.Content.License": f"{_LICENCE}.txt",
        "Microsoft.VisualStudio.Services.Icons.Default": str(manifest.get("icon", "")),
    }
    there = {kind: name for kind, name in assets.items() if name in files}
    icon = there.get("Microsoft.VisualStudio.Services.Icons.Default")
    identity = " ".join(
        f'{name}="{_text(manifest[key])}"'
        for name, key in (("Id", "name"), ("Version", "version"), ("Publisher", "publisher"))
    )
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">',
        "  <Metadata>",
        f'    <Identity Language="en-US" {identity}/>',
        f"    <DisplayName>{_text(manifest.get('displayName', manifest['name']))}</DisplayName>",
        f'    <Description xml:space="preserve">{_text(manifest.get("description", ""))}</Description>',
        f"    <Tags>{_text(','.join(manifest.get('keywords', ())))}</Tags>",
        f"    <Categories>{_text(','.join(manifest.get('categories', ())))}</Categories>",
        "    <Properties>",
        *(f'      <Property Id="{name}" Value="{_text(value)}"/>' for name, value in properties.items()),
        "    </Properties>",
        f"    <License>extension/{_LICENCE}.txt</License>",
        *([f"    <Icon>extension/{_text(icon)}</Icon>"] if icon else []),
        "  </Metadata>",
        "  <Installation>",
        '    <InstallationTarget Id="Microsoft.VisualStudio.Code"/>',
        "  </Installation>",
        "  <Dependencies/>",
        "  <Assets>",
        *(
            f'    <Asset Type="{kind}" Path="extension/{_text(name)}" Addressable="true"/>'
            for kind, name in there.items()
        ),
        "  </Assets>",
        "</PackageManifest>",
    ]
    return "\n".join(lines) + "\n"


def _content_types(parts: set[str]) -> str:
    endings = sorted({os.path.splitext(name)[1].lower() for name in parts} | {".json", ".vsixmanifest"})
    defaults = "".join(
        f'<Default Extension="{ending}" ContentType="{_TYPES.get(ending, "application/octet-stream")}"/>'
        for ending in endings
        if ending
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">{defaults}</Types>\n'
    )


def _text(value: object) -> str:
    return escape(str(value), quote=True)


def _zip(parts: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        # The packaging's own parts come first, as readers that stream expect.
        for name in sorted(parts, key=lambda name: (name.startswith("extension/"), name)):
            entry = zipfile.ZipInfo(name, _TIME)
            # Not compressed: what zlib writes differs between its versions, and it is little.
            entry.compress_type = zipfile.ZIP_STORED
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, parts[name])
    return content.getvalue()
