"""`devshell vscode install`: into every editor that is here, by its own command line, with the user's environment."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from devshell import __version__, environ, installed
from devshell.errors import DevshellError
from devshell.vscode import editors, install, package
from support.editors import stand_in

if TYPE_CHECKING:
    from conftest import Place

_SYSTEM = "/usr/bin:/bin"


def path(*folders: Path) -> dict[str, str]:
    return {"PATH": ":".join([*map(str, folders), _SYSTEM])}


def launcher(vsix: Path) -> str | None:
    with zipfile.ZipFile(vsix) as archive:
        if "extension/launcher.json" not in archive.namelist():
            return None
        command: str = json.loads(archive.read("extension/launcher.json"))["command"]
        return command


def test_every_editor_gets_the_extension_and_a_line(place: Place) -> None:
    code = stand_in(place.base / "one", "code")
    codium = stand_in(place.base / "two", "codium")
    env = path(place.base / "one", place.base / "two")
    said = place.run("vscode", "install", env=env).ok()
    # In a checkout below a folder of temporary files there is none to write down, and that is said.
    own = install.launcher({**place.env, **env})
    assert own in {installed.command(), None}
    for editor in (code, codium):
        (call,) = editor.calls
        assert call.words[0] == "--install-extension"
        assert call.words[1].endswith(f"devshell.devshell-{__version__}.vsix")
        assert call.words[2:] == ["--force"]
        assert call.cwd == "/"
        # The file that it was given is gone with the command.
        assert not Path(call.words[1]).exists()
        assert launcher(editor.vsix) == own
        assert f"installed: the extension {__version__}, in {editor.command.name} ({editor.command})" in said.err
    assert len(said.err.splitlines()) == (2 if own else 3)


def test_what_is_piped_into_the_command_is_not_the_editors(place: Place) -> None:
    code = stand_in(place.base / "bin", "code")
    words = [sys.executable, "-m", "devshell", "vscode", "install"]
    subprocess.run(words, input=b"mine", env={**place.env, **path(place.base / "bin")}, cwd=place.project, check=True)
    assert code.calls[0].stdin_is_empty


def test_the_users_environment_is_what_editors_get_and_are_found_by(place: Place) -> None:
    """In a project that brings a `code` of its own and changes variables."""
    stand_in(place.base / "project-bin", "code")
    users = stand_in(place.base / "users", "code")
    plan: environ.Plan = (("path", str(place.base / "project-bin")), ("set", "EDITOR_HOME", "project"))
    before = {**place.env, **path(place.base / "users"), "EDITOR_HOME": "users"}
    inside = environ.enter(plan, before, str(place.project), "/store/environment")
    place.run("vscode", "install", env=inside).ok()
    (call,) = users.calls
    assert call.env["EDITOR_HOME"] == "users"
    assert call.env["PATH"] == before["PATH"]
    assert not [name for name in call.env if name.startswith("DEVSHELL_") and not name.endswith("_DIR")]
    assert not (place.base / "project-bin" / ".code.told").exists()


def test_one_that_fails_does_not_keep_the_others_from_it(place: Place) -> None:
    bad = stand_in(place.base / "bin", "code", "echo starting\necho 'no space left' >&2\nexit 3")
    good = stand_in(place.base / "bin", "cursor")
    said = place.run("vscode", "install", env=path(place.base / "bin")).failed()
    assert good.calls
    assert "installed: " in said.err
    assert f"'{bad.command}' failed: starting / no space left" in said.err
    assert "devshell vscode package -o" in said.err
    assert said.err.index("installed: ") < said.err.index("failed")


def test_one_that_hangs_is_ended_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, "code", "exec sleep 1000")
    (code,) = editors.here(path(tmp_path))
    monkeypatch.setattr(install, "PATIENCE", 0.1)
    with pytest.raises(DevshellError, match="did not answer"):
        install.put(code, package.Package("1.0.0", b""), path(tmp_path))


def test_no_editor_is_an_error_that_says_how_to_do_it_by_hand(place: Place) -> None:
    said = place.run("vscode", "install", env=path()).failed()
    assert "no editor was found" in said.err
    assert "devshell vscode package -o" in said.err
    assert "Install from VSIX" in said.err


def test_an_editor_may_be_named(place: Place) -> None:
    first = stand_in(place.base / "bin", "code")
    other = stand_in(place.base / "bin", "my-editor")
    third = stand_in(place.base / "elsewhere", "third")
    env = path(place.base / "bin")
    place.run("vscode", "install", "--editor", "my-editor", "--editor", str(third.command), env=env).ok()
    assert not first.calls
    assert len(other.calls) == len(third.calls) == 1
    said = place.run("vscode", "install", "--editor", "nothing-of-the-kind", env=env).failed(2)
    assert "'nothing-of-the-kind'" in said.err
    assert not first.calls
    assert "there is no program" in place.run("vscode", "install", "--editor", "./code", env=env).failed(2).err


def test_one_editor_under_two_names_is_asked_once(place: Place) -> None:
    codium = stand_in(place.base / "bin", "codium")
    (place.base / "bin" / "vscodium").symlink_to("codium")
    place.run("vscode", "install", env=path(place.base / "bin")).ok()
    assert len(codium.calls) == 1


def test_relative_folders_and_shims_are_passed_over(place: Place) -> None:
    near = stand_in(place.project, "code")
    shim = stand_in(place.base / "shims", "cursor")
    (place.base / "shims" / ".devshell-shims").touch()
    place.run("vscode", "install", env={"PATH": f".::{place.base / 'shims'}:{_SYSTEM}"}).failed()
    assert not near.calls
    assert not shim.calls


def test_a_bundle_of_macos_is_found_without_path(place: Place) -> None:
    inside = place.home / "Applications" / "Cursor.app" / "Contents" / "Resources" / "app" / "bin"
    cursor = stand_in(inside, "cursor")
    said = place.run("vscode", "install", env=path()).ok()
    assert len(cursor.calls) == 1
    assert f"in cursor ({cursor.command})" in said.err


def test_it_is_taken_out_where_it_is(place: Place) -> None:
    having = stand_in(place.base / "bin", "code", "case $1 in --list*) echo other.one; echo Devshell.devshell ;; esac")
    lacking = stand_in(place.base / "bin", "codium", "echo other.one")
    said = place.run("vscode", "install", "--uninstall", env=path(place.base / "bin")).ok()
    assert [call.words for call in having.calls] == [
        ["--list-extensions"],
        ["--uninstall-extension", "devshell.devshell"],
    ]
    assert [call.words for call in lacking.calls] == [["--list-extensions"]]
    assert "taken out: of code" in said.err
    assert "not there: in codium" in said.err


def test_quiet_says_nothing_but_errors(place: Place) -> None:
    stand_in(place.base / "bin", "code")
    said = place.run("vscode", "install", "--quiet", env=path(place.base / "bin")).ok()
    assert said.err == said.out == ""


def test_in_a_remote_terminal_its_own_command_comes_first(tmp_path: Path) -> None:
    stand_in(tmp_path / "bin", "code")
    remote = stand_in(tmp_path / "server" / "bin" / "remote-cli", "cursor")
    env = path(tmp_path / "bin", remote.command.parent)
    assert [each.name for each in editors.here(env)] == ["code", "cursor"]
    assert [each.name for each in editors.here({**env, "VSCODE_IPC_HOOK_CLI": "/run/x"})] == ["cursor", "code"]


def test_a_link_on_path_to_this_devshell_is_what_the_extension_calls(tmp_path: Path) -> None:
    (tmp_path / "devshell").symlink_to(installed.command())
    assert install.launcher(path(tmp_path), passing=()) == str(tmp_path / "devshell")


def test_a_link_to_another_devshell_a_shim_and_one_that_will_not_last_are_not(tmp_path: Path) -> None:
    other = stand_in(tmp_path / "other", "devshell")
    for folder in ("passing", "shims"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "devshell").symlink_to(installed.command())
    (tmp_path / "shims" / ".devshell-shims").touch()
    env = path(tmp_path / "passing", other.command.parent, tmp_path / "shims")
    assert install.launcher(env, passing=(str(tmp_path / "passing"),)) == installed.command()
    assert install.launcher(env, passing=()) == str(tmp_path / "passing" / "devshell")
    # As `uvx` has it: the whole installation is in a cache.
    own = str(Path(installed.command()).resolve().parent)
    assert install.launcher({**path(), "UV_CACHE_DIR": own}) is None
    assert install.launcher({**path(), "XDG_CACHE_HOME": own}) is None


def test_a_devshell_that_will_not_last_is_not_written_down_and_said(place: Place) -> None:
    code = stand_in(place.base / "bin", "code")
    own = str(Path(installed.command()).resolve().parent)
    said = place.run("vscode", "install", env={**path(place.base / "bin"), "UV_CACHE_DIR": own}).ok()
    assert launcher(code.vsix) is None
    assert "will not last" in said.err
    assert "look for one on PATH" in said.err


def listed(folder: Path, version: str | None) -> None:
    folder.mkdir(parents=True)
    entries = [{"identifier": {"id": "other.one"}, "version": "1.0.0"}]
    if version:
        entries.append({"identifier": {"id": "devshell.devshell"}, "version": version})
    (folder / "extensions.json").write_text(json.dumps(entries))


def test_doctor_says_which_editor_lacks_it_or_has_another_version(place: Place) -> None:
    listed(place.home / ".vscode/extensions", None)
    listed(place.home / ".cursor/extensions", "0.0.1")
    listed(place.home / ".vscode-server/extensions", __version__)
    (place.home / ".windsurf/extensions").mkdir(parents=True)
    (place.home / ".windsurf/extensions/extensions.json").write_text("[{]")
    told = json.loads(place.run("doctor", "--json").out)
    found = {each["text"]: each for each in told["findings"] if each["concept"] == "editor"}
    assert len(found) == 4
    assert found["the extension is not in ~/.vscode/extensions"]["mend"] == "devshell vscode install"
    assert "the extension is not in ~/.windsurf/extensions" in found
    other = next(each for text, each in found.items() if "~/.cursor/extensions" in text)
    assert (other["level"], other["mend"]) == ("note", "devshell vscode install")
    assert "0.0.1" in other["text"]
    same = next(each for text, each in found.items() if "~/.vscode-server/extensions" in text)
    assert same["level"] == "ok"


def test_self_uninstall_names_the_editors_that_still_have_it(place: Place) -> None:
    listed(place.home / ".vscode/extensions", "0.0.1")
    listed(place.home / ".cursor/extensions", None)
    said = place.run("self", "uninstall", "--yes").ok().err
    assert f"the extension in {place.home}/.vscode/extensions; `devshell vscode install --uninstall`" in said
    assert ".cursor" not in said
