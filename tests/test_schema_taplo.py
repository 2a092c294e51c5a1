"""Taplo, Tombi and the language server of Even Better TOML, with the real schema: they check, complete, explain."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from devshell.schemas import manifest_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Place

pytestmark = pytest.mark.network

GOOD = """\
include = ["../common.devshell.toml"]

[tools]
node = "22"
"npm:prettier" = { version = "3", with = ["prettier-plugin-toml@2"] }
mytool = { source = "http", version = "1.4.2", url = "https://example.com/{version}/mytool-{os}.tar.gz" }

[env]
HOME_OF_ALL = "${HOME:-/} $${ ${project}"
RUST_LOG = { default = "info" }

[tasks]
all = { depends = ["test"] }
test = "pytest"

[shells.ci]
tools = { hyperfine = "*" }

[settings]
platforms = ["linux-x86_64"]
"""

#: Each line by itself is a mistake, with what Taplo says of it.
BAD = {
    "[tools]\nnode = 22": "22 is not of types",
    '[tools]\nnode = "22.x"': '"22.x" does not match',
    '[tools]\n"npm:x" = { version = "1", url = "https://example.com" }': "'url' was unexpected",
    '[tools]\nx = { version = "1", source = "http" }': '"url" is a required property',
    '[env]\nPATH = "bin"': 'False schema does not allow "bin"',
    '[env]\nA = "${"': '"${" does not match',
    "[env]\nA = { unset = false }": "true was expected",
    '[env]\nA = { unset = true, default = "x" }': "has more than 1 property",
    "[tasks]\na = { depends = [] }": "has less than 1 item",
    '[path]\nprepend = ["/bin"]': 'is not allowed for "/bin"',
    '[settings]\nplatforms = ["linux"]': '"linux" is not one of',
    '[shells.ci]\ninclude = ["a.toml"]': "'include' was unexpected",
    "tols = {}": "'tols' was unexpected",
}


@pytest.fixture
def taplo(place: Place) -> str:
    place.run("init").ok()
    place.run("add", "taplo").ok()
    place.write("schema.json", place.run("schema").ok().out)
    return str(place.project / ".devshell" / "env" / "bin" / "taplo")


def test_taplo_takes_good_manifests_and_underlines_what_is_wrong_in_bad_ones(place: Place, taplo: str) -> None:
    def check(*files: str) -> subprocess.CompletedProcess[str]:
        address = (place.project / "schema.json").as_uri()
        command = [taplo, "check", "--no-auto-config", "--schema", address, *files]
        return subprocess.run(command, cwd=place.project, env=place.env, capture_output=True, text=True, check=False)

    place.write("good.toml", GOOD)
    good = check("good.toml", "devshell.toml")
    assert (good.returncode, "error" in good.stderr) == (0, False), good.stderr
    for text, words in BAD.items():
        place.write("bad.toml", text)
        bad = check("bad.toml")
        assert (bad.returncode, words in bad.stderr) == (1, True), (text, bad.stderr)


def test_taplo_finds_the_schema_as_the_docs_say(place: Place, taplo: str) -> None:
    page = (Path(__file__).parent.parent / "docs" / "manifest.md").read_text()
    place.write(".taplo.toml", page.split("# .taplo.toml\n")[1].split("```")[0])
    place.write("devshell.schema.json", place.run("schema").ok().out)

    def check() -> int:
        command = [taplo, "check", "devshell.toml"]
        return subprocess.run(command, cwd=place.project, env=place.env, capture_output=True, check=False).returncode

    assert check() == 0
    place.write("devshell.toml", "tols = {}")
    assert check() == 1


def test_tombi_finds_the_schema_as_the_docs_say(place: Place) -> None:
    place.run("init").ok()
    place.run("add", "pypi:tombi").ok()
    page = (Path(__file__).parent.parent / "docs" / "manifest.md").read_text()
    place.write("tombi.toml", page.split("# tombi.toml\n")[1].split("```")[0])
    place.write("devshell.schema.json", place.run("schema").ok().out)

    def lint() -> tuple[int, str]:
        command = [str(place.project / ".devshell/env/bin/tombi"), "lint", "--offline", "devshell.toml"]
        done = subprocess.run(command, cwd=place.project, env=place.env, capture_output=True, text=True, check=False)
        return done.returncode, done.stderr

    place.write("devshell.toml", GOOD)
    assert lint() == (0, "1 file linted successfully\n")
    for text in BAD:
        place.write("devshell.toml", text)
        code, said = lint()
        assert (code, "Error" in said) == (1, True), (text, said)


class Server:
    """A language server, which is asked one question at a time."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self.process = process
        self.folder = folder
        self.asked = 0

    def ask(self, method: str, parameters: object) -> Any:  # noqa: ANN401  (any answer)
        self.asked += 1
        self.send({"id": self.asked, "method": method, "params": parameters})
        return self.until(lambda message: message.get("id") == self.asked and "method" not in message)["result"]

    def tell(self, method: str, parameters: object) -> None:
        self.send({"method": method, "params": parameters})

    def send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self.process.stdin.flush()

    def until(self, wanted: Any) -> dict[str, Any]:  # noqa: ANN401  (a predicate)
        assert self.process.stdout is not None
        for line in self.process.stdout:
            message: dict[str, Any] = json.loads(line)
            if wanted(message):
                return message
        raise AssertionError("the language server has gone")

    def configure(self, schema: Path) -> None:
        root = self.folder.as_uri()
        self.ask("initialize", {"rootUri": root, "workspaceFolders": [{"uri": root, "name": "p"}], "capabilities": {}})
        self.tell("initialized", {})
        wanted = self.until(lambda message: message.get("method") == "workspace/configuration")
        settings = {"schema": {"catalogs": [], "associations": {".*devshell.toml$": schema.as_uri()}}}
        self.send({"id": wanted["id"], "result": [settings] * len(wanted["params"]["items"])})

    def open(self, text: str) -> dict[str, Any]:
        """Open a text in which `|` is the cursor; returns where that is."""
        before, _, after = text.partition("|")
        uri = (self.folder / "devshell.toml").as_uri()
        document = {"uri": uri, "languageId": "toml", "version": 1, "text": before + after}
        self.tell("textDocument/didOpen", {"textDocument": document})
        position = {"line": before.count("\n"), "character": len(before.rpartition("\n")[2])}
        return {"textDocument": {"uri": uri}, "position": position}

    def completed(self, text: str) -> dict[str, str]:
        """Return what is offered at the cursor, with what is said of each."""
        offered = self.ask("textDocument/completion", self.open(text)) or []
        return {item["label"]: (item.get("documentation") or {}).get("value", "") for item in offered}

    def explained(self, text: str) -> str:
        """Return what is said of the word at the cursor."""
        return str(self.ask("textDocument/hover", self.open(text))["contents"]["value"])

    def underlined(self, text: str) -> list[tuple[int, str]]:
        """Return what is wrong with a text, with its lines from 0; waits for ever where nothing is."""
        self.open(text)
        told = self.until(lambda message: bool(message.get("params", {}).get("diagnostics")))
        return [(one["range"]["start"]["line"], one["message"]) for one in told["params"]["diagnostics"]]


def _npm_settings() -> dict[str, str]:
    """Return how npm is set up on this machine, which the one of devshell's own tools does not look at."""
    path = ":".join(folder for folder in os.environ["PATH"].split(":") if "/.devshell/" not in folder)
    npm = shutil.which("npm", path=path)
    if npm is None:
        return {}
    # It takes the first node on PATH, and that one's settings.
    asked = [npm, "config", "get", "globalconfig"]
    found = subprocess.run(asked, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False)
    file = found.stdout.strip()
    return {"npm_config_globalconfig": file} if found.returncode == 0 and os.path.isfile(file) else {}


@pytest.fixture
def server(place: Place) -> Iterator[Server]:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("no npm here")
    # With the user's own settings, which say where packages are.
    command = [
        npm,
        "install",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--prefix",
        str(place.base),
        "@taplo/lsp@0.8",
    ]
    subprocess.run(command, cwd=place.base, env={**os.environ, **_npm_settings()}, check=True, capture_output=True)
    schema = place.write("schema.json", json.dumps(manifest_schema()))
    process = subprocess.Popen(
        [node, str(Path(__file__).parent / "support" / "taplo_server.cjs"), str(place.base)],
        cwd=place.project,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    running = Server(process, place.project)
    try:
        running.configure(schema)
        yield running
    finally:
        process.kill()
        process.wait()


def test_the_language_server_completes_and_explains(server: Server) -> None:
    top = server.completed("|\n")
    assert {"tools", "env", "shells", "settings", "hooks.activate.bash"} <= set(top)
    assert "The variables of the project" in top["env"]
    tools = server.completed("[tools]\n|\n")
    assert tools["node"].startswith("JavaScript runtime")
    assert "no such tool" not in tools
    assert {"version", "source", "with", "url"} <= set(server.completed("[tools]\nnode = { | }\n"))
    inside = server.completed('[tools]\n"npm:x" = { | }\n')
    assert "with" in inside
    assert not {"url", "suite"} & set(inside)
    assert "A Debian package" in server.completed("[tools.x]\nsource = |\n")['"deb"']
    assert set(server.completed("[env]\nA = { | }\n")) == {"default", "unset", "prepend"}
    assert set(server.completed("[shells.ci.tasks]\nA = { | }\n")) == {"run", "description", "depends"}

    assert "JavaScript runtime" in server.explained('[tools]\nn|ode = "22"\n')
    assert 'platforms = ["linux-x86_64"' in server.explained('[settings]\nplat|forms = ["linux-x86_64"]\n')
    assert "put in front of PATH" in server.explained('[path]\npre|pend = ["bin"]\n')
    assert "Takes the variable away" in server.explained("[shells.ci.env]\nA = { un|set = true }\n")


def test_the_language_server_underlines_mistakes_at_their_line(server: Server) -> None:
    assert server.underlined('[tools]\nnode = "22"\nruff = 1\n') == [(2, '1 is not of types "object", "string"')]
    # It underlines the head of the table; the message names the key.
    wrong = server.underlined("[env]\n[settings]\nwatch = []\nplatform = []\n")
    assert wrong == [(1, "Additional properties are not allowed ('platform' was unexpected)")]
