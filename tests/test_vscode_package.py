"""`devshell vscode package`: the extension as one file, the same bytes each time."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from devshell import __version__
from devshell.vscode import package

if TYPE_CHECKING:
    from conftest import Place

_MANIFEST = "{http://schemas.microsoft.com/developer/vsx-schema/2011}"
_TYPES = "{http://schemas.openxmlformats.org/package/2006/content-types}"


@pytest.fixture
def vsix(place: Place) -> Path:
    file = place.base / "made.vsix"
    said = place.run("vscode", "package", "-o", str(file)).ok()
    assert str(file) in said.err
    assert said.out == ""
    return file


def test_it_holds_the_extension_and_what_is_made_for_it(vsix: Path) -> None:
    with zipfile.ZipFile(vsix) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
        manifest = json.loads(archive.read("extension/package.json"))
        schema = json.loads(archive.read("extension/schema.json"))
        licence = archive.read("extension/LICENSE.txt").decode()
        main = archive.read(f"extension/{manifest['main'].removeprefix('./')}")
    top = package.folder()
    assert main == (top / manifest["main"]).read_bytes()
    assert manifest["version"] == __version__
    assert f"{manifest['publisher']}.{manifest['name']}" == "devshell.devshell"
    assert "properties" in schema
    assert "MIT" in licence
    assert names[:2] == ["[Content_Types].xml", "extension.vsixmanifest"]
    assert names == [*names[:2], *sorted(names[2:])]
    ours = {name.removeprefix("extension/") for name in names[2:]}
    there = {
        path.relative_to(top).as_posix()
        for path in top.rglob("*")
        if path.is_file() and not path.relative_to(top).as_posix().startswith("test/")
    }
    assert ours - {"schema.json", "LICENSE.txt"} == {name for name in there if not re.search(r"(^|/)\.", name)}


def test_tests_hidden_files_and_somebodys_launcher_stay_out(vsix: Path) -> None:
    with zipfile.ZipFile(vsix) as archive:
        names = archive.namelist()
    assert not [name for name in names if "/test/" in name or "/." in name or name.endswith("launcher.json")]


def test_its_manifest_repeats_what_package_json_says(vsix: Path) -> None:
    with zipfile.ZipFile(vsix) as archive:
        names = archive.namelist()
        manifest = json.loads(archive.read("extension/package.json"))
        root = ET.fromstring(archive.read("extension.vsixmanifest"))  # noqa: S314  our own
        types = ET.fromstring(archive.read("[Content_Types].xml"))  # noqa: S314  our own
    identity = root.find(f"{_MANIFEST}Metadata/{_MANIFEST}Identity")
    assert identity is not None
    assert (identity.get("Publisher"), identity.get("Id"), identity.get("Version")) == (
        manifest["publisher"],
        manifest["name"],
        manifest["version"],
    )
    assert root.findtext(f"{_MANIFEST}Metadata/{_MANIFEST}Description") == manifest["description"]
    properties = {each.get("Id"): each.get("Value") for each in root.iter(f"{_MANIFEST}Property")}
    assert properties["Microsoft.VisualStudio.Code.Engine"] == manifest["engines"]["vscode"]
    assert properties["Microsoft.VisualStudio.Code.ExtensionKind"] == "workspace"
    assert {each.get("Path") for each in root.iter(f"{_MANIFEST}Asset")} <= set(names)
    said = {each.get("Extension") for each in types.iter(f"{_TYPES}Default")}
    assert {f".{name.rpartition('.')[2]}" for name in names if not name.startswith("[")} <= said


def test_its_bytes_are_the_same_each_time(place: Place, vsix: Path) -> None:
    again = place.base / "again.vsix"
    place.run("vscode", "package", "--output", str(again), "--quiet").ok()
    assert again.read_bytes() == vsix.read_bytes()
    with zipfile.ZipFile(vsix) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_launcher_is_written_where_one_is_given(tmp_path: Path) -> None:
    file = tmp_path / "made.vsix"
    file.write_bytes(package.make('/opt/de"vshell').content)
    with zipfile.ZipFile(file) as archive:
        assert json.loads(archive.read("extension/launcher.json")) == {"command": '/opt/de"vshell'}


def test_a_folder_is_not_written_over(place: Place) -> None:
    said = place.run("vscode", "package", "-o", str(place.home)).failed()
    assert "a folder" in said.err
    assert place.home.is_dir()
    assert "-o" in place.run("vscode", "package").failed(2).err


@pytest.mark.parametrize(("own", "expected"), [("1.2.3", "1.2.3"), ("1.2.3-rc.1", "1.2.3-rc.1"), ("1.2.3rc1", "7.7.7")])
def test_the_version_is_devshells_where_editors_can_read_it(
    monkeypatch: pytest.MonkeyPatch, own: str, expected: str
) -> None:
    monkeypatch.setattr(package, "__version__", own)
    assert package.version({"version": "7.7.7"}) == expected


@pytest.mark.network  # of the tool that builds, which is brought for it
def test_a_wheel_has_all_that_is_packed(tmp_path: Path, vsix: Path) -> None:
    root = package.folder().parent.parent
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "build", "--quiet", "--wheel", "--out-dir", tmp_path, root], check=True, timeout=300)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = {name.partition("devshell/editors/vscode/")[2] for name in archive.namelist() if "editors/" in name}
    with zipfile.ZipFile(vsix) as archive:
        packed = {name.partition("extension/")[2] for name in archive.namelist()[2:]}
    assert inside == packed - {"schema.json", "LICENSE.txt"} | {"LICENSE"}
