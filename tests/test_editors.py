"""The lines that docs/editors.md gives for editors, in real ones: they answer from the project's tools."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.hooked import SHELLS, Hooked, write
from support.installed import Installed, install

if TYPE_CHECKING:
    from conftest import Place

DOCS = Path(__file__).parents[1] / "docs" / "editors.md"
RUFF = "0.11"
#: In each editor's own words: what is found at first, what a language server says of itself, and what is left in `/`.
NEOVIM = """
local said, server = {}, nil
table.insert(said, vim.fn.exepath("ruff"))
table.insert(said, vim.trim(vim.fn.system("ruff --version")))
table.insert(said, vim.env.ODD)
vim.cmd.edit("a.py")
vim.lsp.start({
  name = "ruff",
  cmd = { "ruff", "server" },
  root_dir = vim.fn.getcwd(),
  on_init = function(_, result) server = result.serverInfo end,
})
vim.wait(60000, function() return #vim.diagnostic.get(0) > 0 end, 10)
table.insert(said, server and server.name .. " " .. server.version or "no server")
table.insert(said, vim.diagnostic.get(0)[1].message)
vim.cmd.cd("/")
table.insert(said, "[" .. vim.fn.exepath("ruff") .. (vim.env.ODD or "") .. (vim.env.DEVSHELL_ROOT or "") .. "]")
vim.fn.writefile(said, vim.env.SAID)
vim.cmd("qa!")
"""
VIM = """
let s:said = [exepath('ruff'), trim(system('ruff --version')), $ODD]
cd /
call add(s:said, '[' . exepath('ruff') . $ODD . $DEVSHELL_ROOT . ']')
call writefile(s:said, $SAID)
qa!
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install({"ruff": RUFF}, tmp_path_factory)


@pytest.fixture
def user(place: Place, project: Installed) -> Hooked:
    """A user of the project's store, with a project of their own that has a ruff, and none beside it."""
    place.extra.update(project.place.extra)
    place.extra.pop("DEVSHELL_TRUST")
    user = Hooked(place, "bash", {name: place.extra[name] for name in ("DEVSHELL_DATA_DIR", "DEVSHELL_CACHE_DIR")})
    manifest = (project.place.project / "devshell.toml").read_text()
    write(place.project / "devshell.toml", manifest + """[env]\nODD = '''it's "a|b" é'''\n""")
    write(place.project / "devshell.lock", (project.place.project / "devshell.lock").read_text())
    write(place.project / "a.py", "import os\n")
    place.run("allow", "--quiet").ok()
    place.run("sync", "--quiet", "--locked").ok()
    return user


def lines(language: str) -> str:
    """Return the one block of that language in the page."""
    (block,) = re.findall(rf"^```{language}\n(.*?)^```$", DOCS.read_text(), re.MULTILINE | re.DOTALL)
    return str(block)


def edit(user: Hooked, argv: list[str]) -> list[str]:
    """Run an editor in the project, as from a plain shell; return what it wrote down."""
    said = user.place.base / "said"
    env = {**user.env, "SAID": str(said), "PATH": f"{user.command.parent}:/usr/bin:/bin"}
    ran = subprocess.run(
        argv, cwd=user.place.project, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran
    return said.read_text().splitlines()


@pytest.mark.network
def test_neovim_and_its_language_server_answer_from_the_project(
    user: Hooked, tmp_path_factory: pytest.TempPathFactory
) -> None:
    editor = install({"deb:neovim": "*"}, tmp_path_factory).bin / "nvim"
    config = write(user.place.base / "init.lua", lines("lua"))
    check = write(user.place.base / "check.lua", NEOVIM)
    argv = [str(editor), "--headless", "-u", str(config), "-i", "NONE", "-n", "-c", f"luafile {check}"]
    which, version, odd, server, message, left = edit(user, argv)
    assert os.path.dirname(which) == str((user.place.project / ".devshell" / "env" / "bin").resolve())
    assert version.startswith(f"ruff {RUFF}.")
    assert odd == 'it\'s "a|b" é'
    assert server == version
    assert "`os` imported but unused" in message
    assert left == "[]"


@pytest.mark.network
@pytest.mark.parametrize("editor", ["vim", "nvim"])
def test_vim_answers_from_the_project(user: Hooked, editor: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    program = install({{"vim": "deb:vim", "nvim": "deb:neovim"}[editor]: "*"}, tmp_path_factory).bin / editor
    config = write(user.place.base / "vimrc", lines("vim"))
    check = write(user.place.base / "check.vim", VIM)
    which, version, odd, left = edit(
        user, [str(program), "-u", str(config), "-i", "NONE", "-n", "-es", "-c", f"source {check}"]
    )
    assert os.path.dirname(which) == str((user.place.project / ".devshell" / "env" / "bin").resolve())
    assert version.startswith(f"ruff {RUFF}.")
    assert odd == 'it\'s "a|b" é'
    assert left == "[]"


@pytest.mark.network
def test_an_editor_that_is_started_inside_needs_no_lines(
    user: Hooked, tmp_path_factory: pytest.TempPathFactory
) -> None:
    editor = install({"deb:neovim": "*"}, tmp_path_factory).bin / "nvim"
    check = write(user.place.base / "check.lua", NEOVIM)
    argv = [str(editor), "--headless", "-u", "NONE", "-i", "NONE", "-n", "-c", f"luafile {check}"]
    _, version, odd, server, message, _ = edit(user, [str(user.command), "exec", "--", *argv])
    assert version.startswith(f"ruff {RUFF}.")
    assert server == version
    assert odd == 'it\'s "a|b" é'
    assert "`os` imported but unused" in message


@pytest.mark.parametrize("shell", SHELLS)
def test_an_editor_that_asks_a_login_shell_for_a_folder_gets_the_project_by_our_hook(place: Place, shell: str) -> None:
    user = Hooked(place, shell)
    root = user.project("one", "[env]\nWHO = 'one'\n")
    write(place.home / ".bash_profile", f"PATH={user.command.parent}:$PATH\n. ~/.bashrc\n")
    # As Zed does it, which puts itself in the place of `env`.
    asked = [shell, "-l", "-i", "-c", f"cd {root}; /usr/bin/env -0"]
    env = {**user.env, "TERM": "dumb", "SHELL": f"/bin/{shell}"}
    ran = subprocess.run(asked, env=env, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    assert "WHO=one" in ran.stdout.split("\0")


def test_the_page_shows_the_lines_that_are_written() -> None:
    from devshell import direnv

    assert "\n".join(direnv.LINES) in lines("sh")
