from __future__ import annotations

from typing import Any

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from devshell import manifest
from devshell.errors import DevshellError, ManifestError, ManyErrors
from devshell.manifest import Manifest, Variable
from devshell.manifest.keys import MANIFEST
from devshell.manifest.lines import dotted
from devshell.manifest.shape import Table
from devshell.manifest.template import lenient, malformed
from devshell.snapshot import File, Role, Snapshot
from devshell.system import DEFAULT_PLATFORMS

KNOWN = ("node", "python", "postgresql", "ruff", "ripgrep", "hyperfine", "go")
WHOLE = """\
[tools]
node = "22"
python = "3.13"
ruff = ">=0.9,<1"
"npm:prettier" = "3"
"npm:@scope/name" = "3"
"pypi:pre-commit" = "latest"
"deb:imagemagick" = "*"
"github:owner/name" = "1"
go = { version = "1.24", source = "pypi" }

[tools.mytool]
source = "http"
version = "1.4.2"
url = "https://example.com/{version}/mytool-{os}-{arch}.tar.gz"
os = { darwin = "macos" }
arch = { x86_64 = "amd64" }
strip = 1
bin = { mytool = "./bin/mytool-{version}" }

[env]
DATABASE_URL = "postgresql://localhost/${USER:-me}_dev $ $${HOME} ${project}"
RUST_LOG = { default = "info" }
AWS_PROFILE = { unset = true }
LD_LIBRARY_PATH = { prepend = ["${project}/lib"] }

[path]
prepend = ["bin", "../node_modules/.bin"]

[dotenv]
files = [".env", "../.env.local"]

[aliases]
t = "pytest -x"

[tasks]
test = "pytest"
serve = { run = "serve it", description = "development server", depends = ["test"] }
all = { depends = ["serve", "test"] }

[hooks]
env = "export A=b"
activate.bash = "echo in"
deactivate.fish = "echo out"

[shells.ci]
tools = { hyperfine = "*", node = "24" }
env = { RUST_LOG = "debug", CI = "1" }
path = { prepend = ["ci/bin"] }
dotenv = { files = [".env.ci"] }
hooks = { env = "export A=c" }
tasks = { test = "pytest --ci" }

[settings]
platforms = ["linux-x86_64", "darwin-arm64"]
watch = ["package.json"]
"""


def family(
    text: str | bytes | None, local: str | None = None, root: str = "/p", **includes: str | bytes | None
) -> Snapshot:
    def encoded(content: str | bytes | None) -> bytes | None:
        return content.encode() if isinstance(content, str) else content

    files = [File(f"{root}/devshell.toml", Role.MANIFEST, encoded(text))]
    files += [File(f"{root}/{name}.toml", Role.INCLUDE, encoded(content)) for name, content in includes.items()]
    files += [File(f"{root}/devshell.local.toml", Role.LOCAL, encoded(local))]
    files += [File(f"{root}/devshell.lock", Role.LOCK, None)]
    return Snapshot(root, tuple(files))


def problems(snapshot: Snapshot) -> list[ManifestError]:
    with pytest.raises(ManyErrors) as caught:
        manifest.parse(snapshot, known_tools=KNOWN)
    errors = [error for error in caught.value.errors if isinstance(error, ManifestError)]
    assert len(errors) == len(caught.value.errors) > 0
    assert all(error.place is not None and error.hint for error in errors), [(e.message, e.hint) for e in errors]
    return errors


def said(snapshot: Snapshot) -> list[str]:
    return [f"{e.place}: {e.message} ({e.hint})" for e in problems(snapshot)]


def parsed(snapshot: Snapshot) -> Manifest:
    return manifest.parse(snapshot, known_tools=KNOWN)


def test_every_key_is_understood() -> None:
    found = parsed(family(WHOLE))
    base = found.base
    assert {key: (r.name, r.source, r.version) for key, r in base.tools.items()} == {
        "node": ("node", None, "22"),
        "python": ("python", None, "3.13"),
        "ruff": ("ruff", None, ">=0.9,<1"),
        "npm:prettier": ("prettier", "npm", "3"),
        "npm:@scope/name": ("@scope/name", "npm", "3"),
        "pypi:pre-commit": ("pre-commit", "pypi", "latest"),
        "deb:imagemagick": ("imagemagick", "deb", "*"),
        "github:owner/name": ("owner/name", "github", "1"),
        "go": ("go", "pypi", "1.24"),
        "mytool": ("mytool", "http", "1.4.2"),
    }
    mytool = base.tools["mytool"]
    assert mytool.url == {"*": "https://example.com/{version}/mytool-{os}-{arch}.tar.gz"}
    assert (mytool.os_names, mytool.arch_names) == ({"darwin": "macos"}, {"x86_64": "amd64"})
    assert (mytool.strip, mytool.bin) == (1, {"mytool": "bin/mytool-{version}"})
    assert str(mytool.place) == "/p/devshell.toml:12: tools.mytool"
    assert base.env == (
        Variable("DATABASE_URL", value="postgresql://localhost/${USER:-me}_dev $ $${HOME} ${project}"),
        Variable("RUST_LOG", default="info"),
        Variable("AWS_PROFILE", unset=True),
        Variable("LD_LIBRARY_PATH", prepend=("${project}/lib",)),
    )
    assert base.path.prepend == ("bin", "../node_modules/.bin")
    assert base.dotenv.files == (".env", "../.env.local")
    assert base.aliases == {"t": "pytest -x"}
    serve = base.tasks["serve"]
    assert (serve.run, serve.description, serve.depends) == ("serve it", "development server", ("test",))
    assert (base.tasks["all"].run, base.tasks["all"].depends) == ("", ("serve", "test"))
    assert base.hooks.env == "export A=b"
    assert (base.hooks.activate.scripts, base.hooks.deactivate.scripts) == ({"bash": "echo in"}, {"fish": "echo out"})
    assert (found.settings.platforms, found.settings.watch) == (("linux-x86_64", "darwin-arm64"), ("package.json",))


def test_a_named_shell_lies_over_the_projects_own() -> None:
    found = parsed(family(WHOLE))
    ci = found.shell("ci")
    assert {key: r.version for key, r in found.extra_tools["ci"].items()} == {"hyperfine": "*", "node": "24"}
    assert ci.tools["node"].version == "24"
    assert ci.tools["python"] is found.base.tools["python"]
    assert [v.name for v in ci.env] == ["DATABASE_URL", "RUST_LOG", "AWS_PROFILE", "LD_LIBRARY_PATH", "CI"]
    assert ci.env[1] == Variable("RUST_LOG", value="debug")
    assert ci.path.prepend == ("ci/bin", "bin", "../node_modules/.bin")
    assert ci.dotenv.files == (".env", "../.env.local", ".env.ci")
    assert ci.hooks.env == "export A=c"
    assert ci.hooks.activate.scripts == {"bash": "echo in"}
    assert (ci.tasks["test"].run, ci.tasks["serve"].run) == ("pytest --ci", "serve it")
    assert found.base.tasks["test"].run == "pytest"


def test_an_empty_manifest_asks_for_nothing() -> None:
    found = parsed(family(""))
    assert found == Manifest(base=found.base)
    assert (found.settings.platforms, dict(found.base.tools), found.base.env) == (DEFAULT_PLATFORMS, {}, ())


def test_nearest_wins_and_lists_join() -> None:
    found = parsed(
        family(
            'include = ["one.toml", "two.toml"]\n[tools]\nnode = "22"\n[path]\nprepend = ["main", "shared"]\n'
            '[dotenv]\nfiles = [".env", ".main"]\n[settings]\nwatch = ["main", "one"]\n[hooks]\nactivate.zsh = "main"',
            local='[tools]\nnode = "23"\n[path]\nprepend = ["local"]\n[dotenv]\nfiles = [".local"]\n[env]\nA = "local"',
            one='include = ["deep.toml"]\n[tools]\nnode = "20"\nruff = "1"\n[path]\nprepend = ["one", "shared"]\n'
            '[dotenv]\nfiles = [".env", ".one"]\n[settings]\nwatch = ["one"]\nplatforms = ["linux-x86_64"]\n'
            '[hooks]\nenv = "one"\nactivate.bash = "one"\nactivate.zsh = "one"\n[env]\nA = "one"\nB = "one"',
            two='[tools]\nruff = "2"\n[shells.ci]\ntools = { go = "1" }\nenv = { A = "ci" }',
            deep='[tools]\nruff = "0"\ngo = "0"\n[settings]\nplatforms = ["darwin-arm64"]\n[hooks]\nenv = "deep"',
        )
    )
    assert {key: request.version for key, request in found.base.tools.items()} == {"ruff": "2", "go": "0", "node": "23"}
    assert found.base.path.prepend == ("local", "main", "shared", "one")
    assert found.base.dotenv.files == (".one", ".env", ".main", ".local")
    assert found.settings.watch == ("one", "main")
    assert found.settings.platforms == ("linux-x86_64",)
    assert found.base.hooks.env == "one"
    assert found.base.hooks.activate.scripts == {"bash": "one", "zsh": "main"}
    assert {v.name: v.value for v in found.base.env} == {"A": "local", "B": "one"}
    assert {v.name: v.value for v in found.shell("ci").env} == {"A": "ci", "B": "one"}
    assert found.shell("ci").tools["go"].version == "1"


def test_a_file_reached_by_two_ways_counts_once_a_way() -> None:
    found = parsed(
        family(
            'include = ["one.toml", "two.toml"]',
            one='include = ["base.toml"]\n[env]\nA = "one"',
            two='include = ["./sub/../base.toml"]',
            base='[tools]\nnode = "22"\n[env]\nA = "base"',
        )
    )
    assert found.base.tools["node"].version == "22"


def test_shared_includes_are_merged_in_good_time() -> None:
    # Each file includes the next one twice, by two names: 2^40 ways to the last.
    files = {f"f{n}": f'include = ["f{n + 1}.toml", "./f{n + 1}.toml"]' for n in range(40)}
    found = parsed(family('include = ["f0.toml"]', **files, f40='[tools]\nnode = "22"'))
    assert list(found.base.tools) == ["node"]


def test_includes_count_from_the_file_that_names_them() -> None:
    snapshot = Snapshot(
        "/p",
        (
            File("/p/devshell.toml", Role.MANIFEST, b'include = ["../shared/a.toml"]'),
            File("/shared/a.toml", Role.INCLUDE, b'include = ["b.toml"]'),
            File("/shared/b.toml", Role.INCLUDE, b'[tools]\nnode = "22"\n[tasks]\nx = 3'),
            File("/p/devshell.local.toml", Role.LOCAL, None),
        ),
    )
    (error,) = problems(snapshot)
    assert str(error.place) == "/shared/b.toml:4: tasks.x"


def test_include_circles_are_shown() -> None:
    (error,) = problems(family('include = ["a.toml"]', a='\ninclude = ["b.toml"]', b='include = ["a.toml"]'))
    assert str(error.place) == "/p/b.toml:1: include[0]"
    assert error.message == "files include each other in a circle: 'a.toml' → 'b.toml' → 'a.toml'"
    (error,) = problems(family('include = ["devshell.toml"]'))
    assert "'devshell.toml' → 'devshell.toml'" in error.message


def test_missing_includes_are_named() -> None:
    first, second = said(family('include = [\n"gone.toml",\n"unread.toml"]', gone=None))
    assert first.startswith("/p/devshell.toml:2: include[0]: there is no file 'gone.toml' to include")
    assert second.startswith("/p/devshell.toml:3: include[1]: 'unread.toml' was not read")


def test_a_missing_manifest_is_an_error() -> None:
    assert said(family(None)) == ["/p/devshell.toml: there is no manifest here (run `devshell init`)"]


def test_all_problems_of_all_files_come_together_in_order() -> None:
    found = said(
        family(
            'include = ["a.toml"]\n[tools]\nnod = "22"\nruff = 1\n\n[env]\nPATH = "x"\n[tasks]\nx.depends = ["y"]',
            local="tols = {}",
            a="= broken",
        )
    )
    assert [line.partition(": ")[0] for line in found] == [
        "/p/devshell.toml:3",
        "/p/devshell.toml:4",
        "/p/devshell.toml:7",
        "/p/a.toml:1",
        "/p/devshell.local.toml:1",
    ]
    assert "devshell knows no tool 'nod' (did you mean 'node'?" in found[0]
    assert "there is no key 'tols' here (did you mean 'tools'?)" in found[4]


def test_unknown_tools_are_let_be_without_a_list_of_them() -> None:
    assert manifest.parse(family('[tools]\nanything = "1"')).base.tools["anything"].name == "anything"
    with pytest.raises(ManyErrors):
        manifest.parse(family('[tools]\nanything = "1"'), known_tools=())


def test_unknown_tools_of_named_shells_and_includes_are_found() -> None:
    found = said(family('include = ["a.toml"]\n[shells.x.tools]\nruf = "1"', a='[tools]\npyton = "3"'))
    assert "tools.ruf: devshell knows no tool 'ruf' (did you mean 'ruff'?" in found[0]
    assert "tools.pyton: devshell knows no tool 'pyton' (did you mean 'python'?" in found[1]


def http(version: str = "1", url: str = "https://example.com/x", more: str = "") -> str:
    return f'[tools]\nx = {{ source = "http", version = "{version}", url = "{url}" {more} }}'


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        # shapes
        ("tools = 3", "tools", "this is a whole number; expected a table of tools and versions"),
        ("[[tools]]", "tools", "this is a list; expected a table"),
        ("[tools]\nruff = 1.5", "tools.ruff", "this is a number; expected a version in quotes"),
        ("[tools]\nruff = true", "tools.ruff", "this is true or false; expected a version in quotes"),
        ("[tools]\nruff = 2020-01-01", "tools.ruff", "this is a date or time; expected a version in quotes"),
        ("[tools]\nruff = []", "tools.ruff", "this is a list; expected a version in quotes"),
        ("[tools]\nruff = ''", "tools.ruff", "this text is empty"),
        ("[env]\nA = 1", "env.A", "expected a value in quotes, or a table"),
        ("[path]\nprepend = 'bin'", "path.prepend", "this is a string; expected a list of folders"),
        ("[path]\nprepend = [['x']]", "path.prepend[0]", "this is a list; expected a folder"),
        ("[path]\nappend = ['bin']", "path.append", "there is no key 'append' here"),
        ("dotenv = ['.env']", "dotenv", "this is a list; expected a table with `files`"),
        ("[shells.ci]\ninclude = ['a.toml']", "shells.ci.include", "there is no key 'include' here"),
        ("[shells.ci.shells.x]", "shells.ci.shells", "there is no key 'shells' here"),
        ("[shells.ci]\nsettings.watch = []", "shells.ci.settings", "there is no key 'settings' here"),
        ("shells.ci = 'x'", "shells.ci", "expected a table such as [shells.ci]"),
        # names
        *[
            (f"[tools]\n'{name}' = '1'", dotted(("tools", name)), "cannot be a tool's name")
            for name in ["a/b", "-a", "a..b", "..", "", "a b", "$(id)", "`id`", "npm:../x", "pypi:@a/b", "deb:a/b"]
        ],
        ('[tools]\n"npm:@a/b/c" = "1"', 'tools."npm:@a/b/c"', "cannot be a tool's name"),
        ('[tools]\n"npm:@a/-c" = "1"', 'tools."npm:@a/-c"', "cannot be a tool's name"),
        ('[tools]\n"npm:" = "1"', 'tools."npm:"', "cannot be a tool's name"),
        ('[tools]\n"github:a" = "1"', 'tools."github:a"', "cannot be a tool's name"),
        ('[tools]\n"a\\nb" = "1"', r'tools."a\nb"', r"'a\nb' cannot be a tool's name"),
        ('[tools]\n"\\u001b[31m" = "1"', r'tools."\x1b[31m"', r"'\x1b[31m' cannot be a tool's name"),
        ('[tools]\n"ünder" = "1"', 'tools."ünder"', "cannot be a tool's name"),
        ('[tools]\n"pipy:x" = "1"', 'tools."pipy:x"', "names no source that devshell knows"),
        (f'[tools]\n"pypi:{"x" * 129}" = "1"', 'tools."pypi:', "is 129 characters long"),
        *[
            (f"[env]\n'{name}' = 'x'", dotted(("env", name)), words)
            for name, words in [
                ("1A", "cannot be a variable's name"),
                ("A-B", "cannot be a variable's name"),
                ("A=B", "cannot be a variable's name"),
                ("", "cannot be a variable's name"),
                ("PATH", "PATH is not set this way"),
                ("DEVSHELL_ROOT", "belongs to devshell itself"),
                ("SHELLOPTS", "keep for themselves"),
                ("BASHOPTS", "keep for themselves"),
                ("UID", "keep for themselves"),
                ("EUID", "keep for themselves"),
                ("PPID", "keep for themselves"),
                ("_", "keep for themselves"),
                ("PWD", "keep for themselves"),
                ("OLDPWD", "keep for themselves"),
                ("SHLVL", "keep for themselves"),
                ("path", "keep for themselves"),
                ("status", "keep for themselves"),
            ]
        ],
        ("[env]\nPATH = { unset = true }", "env.PATH", "PATH is not set this way"),
        ('[tasks]\n"a b" = "x"', 'tasks."a b"', "cannot be a task's name"),
        ('[tasks]\n"-a" = "x"', "tasks.-a", "cannot be a task's name"),
        ('[aliases]\n"-a" = "x"', "aliases.-a", "cannot be an alias's name"),
        ('[aliases]\n"a;b" = "x"', 'aliases."a;b"', "cannot be an alias's name"),
        ('[shells."../x"]', 'shells."../x"', "cannot be a shell's name"),
        # tools
        ("[tools]\nnode = '=>2'", "tools.node", "is not a version request"),
        ("[tools]\nnode = { version = '=>2' }", "tools.node.version", "is not a version request"),
        ("[tools]\nnode = { source = 'npm' }", "tools.node", "has no `version`"),
        ("[tools]\nnode = { source = 'nmp', version = '1' }", "tools.node.source", "is no source"),
        ("[tools]\n'npm:x' = { source = 'pypi', version = '1' }", 'tools."npm:x"', "names two sources"),
        ("[tools]\nnode = { version = '1', strip = 1 }", "tools.node", "has `strip`, which only `http` takes"),
        ("[tools]\n'http:x' = '1'", 'tools."http:x"', "has no `url`"),
        (http(version="latest"), "tools.x.version", "is not one exact version"),
        (http(version=">=1"), "tools.x.version", "is not one exact version"),
        (http(version="../1"), "tools.x.version", "is not one exact version"),
        (http(more=", strip = -1"), "tools.x.strip", "out of range"),
        (http(more=", strip = true"), "tools.x.strip", "this is true or false"),
        *[
            (http(more=f', bin = {{ {name} = "{path}" }}'), f"tools.x.bin.{name}", words)
            for name, path, words in [
                ("x", "/bin/x", "is not relative"),
                ("x", "../x", "does not stay within"),
                ("x", "a/../../x", "does not stay within"),
                ("x", "a\\\\x", "does not stay within"),
                ("x", "a/.", "does not stay within"),
                ("x", "", "this path is empty"),
                ("x", "a\\nb", "control character"),
                ("x", "{home}/x", "placeholder"),
                ('"a/b"', "x", "cannot be a command's name"),
                ("-x", "x", "cannot be a command's name"),
            ]
        ],
        *[
            (http(url=url), "tools.x.url", words)
            for url, words in [
                ("http://example.com/x", "is not a secure address"),
                ("http://127.0.0.1.example.com/x", "is not a secure address"),
                ("http://localhost.example.com/x", "is not a secure address"),
                ("http://127.0.0.1@example.com/x", "is not an address to download from"),
                ("https://user:word@example.com/x", "is not an address to download from"),
                ("https://{os}.example.com/x", "is not an address to download from"),
                ("https:///x", "is not an address to download from"),
                ("https://-x/", "is not an address to download from"),
                ("example.com/x", "is not an address to download from"),
                ("file:///x", "is not an address to download from"),
                ("ftp://example.com/x", "is not a secure address"),
                ("https://example.com#x", "is not an address to download from"),
                ("https://example.com/#x", "holds characters that an address cannot"),
                ("https://example.com/x y", "holds characters that an address cannot"),
                ("https://example.com/\\n", "holds characters that an address cannot"),
                ("https://example.com/ü", "holds characters that an address cannot"),
                ("https://example.com/{arhc}", "placeholder"),
                ("https://example.com/{", "placeholder"),
            ]
        ],
        (
            "[tools]\nx = { source = 'http', version = '1', url.linux-x86 = 'https://example.com/' }",
            "tools.x.url.linux-x86",
            "is no platform",
        ),
        ("[tools]\nx = { source = 'http', version = '1', url = 1 }", "tools.x.url", "expected an address in quotes"),
        (http(more=', os = { windows = "x" }'), "tools.x.os.windows", "there is no key"),
        (
            http(more=', arch = { arm64 = "a/b" }'),
            "tools.x.arch.arm64",
            "cannot stand in an addr",
        ),
        # variables
        ("[env]\nA = '${'", "env.A", "the ${ at character 1 is not a reference"),
        ("[env]\nA = 'secret ${A-b}'", "env.A", "the ${ at character 8 is not a reference"),
        ("[env]\nA = { default = '${1}' }", "env.A.default", "the ${ at character 1 is not a reference"),
        ("[env]\nA = { prepend = ['x', '${}'] }", "env.A.prepend[1]", "the ${ at character 1 is not a reference"),
        ("[env]\nA = { prepend = [] }", "env.A.prepend", "this list is empty"),
        ("[env]\nA = { prepend = [''] }", "env.A.prepend[0]", "this text is empty"),
        ("[env]\nA = {}", "env.A", "says nothing of it"),
        ("[env]\nA = { default = 'x', unset = true }", "env.A", "says more than one thing of it"),
        ("[env]\nA = { unset = false }", "env.A.unset", "false means nothing here"),
        ('[env]\nA = "x\\u0000y"', "env.A", "NUL"),
        (f'[env]\nA = "{"x" * 102_401}"', "env.A", "102401 bytes long"),
        (f'[env]\nA = "{"ü" * 51_201}"', "env.A", "102402 bytes long"),
        ("[env]\n" + "\n".join(f'A{n} = "{"x" * 102_400}"' for n in range(11)), "env", "all variables together"),
        ("[shells.ci.env]\n" + "\n".join(f'A{n} = "{"x" * 102_400}"' for n in range(11)), "shells.ci.env", "together"),
        # paths
        ("[path]\nprepend = ['/bin']", "path.prepend[0]", "is not relative"),
        ("[path]\nprepend = ['~/bin']", "path.prepend[0]", "is not relative"),
        ("[path]\nprepend = ['a', 'b:c']", "path.prepend[1]", "holds a colon"),
        ('[path]\nprepend = ["b\\nc"]', "path.prepend[0]", "holds a control character"),
        ('[path]\nprepend = ["b\\u0000c"]', "path.prepend[0]", "NUL"),
        ("[path]\nprepend = ['']", "path.prepend[0]", "this path is empty"),
        ("[path]\nprepend = ['${project}/bin']", "path.prepend[0]", "holds a variable"),
        ("[dotenv]\nfiles = ['/etc/x']", "dotenv.files[0]", "is not relative"),
        ('[settings]\nwatch = ["a\\u001bb"]', "settings.watch[0]", "holds a control character"),
        ("include = ['/x.toml']", "include[0]", "is not relative"),
        ("include = ['id_rsa']", "include[0]", "does not end in .toml"),
        # tasks, hooks, settings
        ("[tasks]\na = ''", "tasks.a", "this text is empty"),
        ("[tasks]\na = {}", "tasks.a", "does nothing"),
        ("[tasks]\na = { run = 'x', depend = ['b'] }", "tasks.a.depend", "there is no key 'depend' here"),
        ("[tasks]\na = { depends = 'b' }", "tasks.a.depends", "this is a string; expected a list of tasks"),
        ("[tasks]\nabc = 'x'\nb = { depends = ['abd'] }", "tasks.b", "depends on 'abd', and there is no such task"),
        ("[tasks]\na.depends = ['a']", "tasks.a", "in a circle: a → a"),
        (
            "[tasks]\na.depends = ['b']\nb = { run = 'x', depends = ['c'] }\nc.depends = ['a']",
            "tasks.",
            "in a circle: a → b → c → a",
        ),
        ("[tasks]\na = 'x'\n[shells.s.tasks]\na.depends = ['b']\nb.depends = ['a']", "shells.s.tasks.", "in a circle"),
        ("[hooks]\nenv = ['x']", "hooks.env", "this is a list; expected a string"),
        ("[hooks]\nactivate = 'x'", "hooks.activate", "this is a string; expected a table with scripts"),
        ("[hooks]\nactivate.sh = 'x'", "hooks.activate.sh", "there is no key 'sh' here"),
        ("[settings]\nplatforms = []", "settings.platforms", "this list is empty"),
        ("[settings]\nplatforms = ['linux-x64']", "settings.platforms[0]", "is no platform that devshell knows"),
        (
            "[settings]\nplatforms = ['linux-x86_64', 'linux-x86_64']",
            "settings.platforms[1]",
            "'linux-x86_64' stands here twice",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, key: str, words: str) -> None:
    (error,) = problems(family(text))
    assert words in error.message
    assert error.place is not None
    assert error.place.file == "/p/devshell.toml"
    assert str(error.place.key).startswith(key)
    assert "\x1b" not in f"{error.message}{error.place}{error.hint}"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com:8443/a%20b/{version}.zip?x={os}&y={arch}",
        "http://localhost/x",
        "http://127.0.0.1:8080/x",
        "http://[::1]:8080/x",
    ],
)
def test_addresses_that_are_fine(url: str) -> None:
    text = http(url=url)
    assert parsed(family(text)).base.tools["x"].url == {"*": url}


def test_secret_values_are_never_repeated() -> None:
    for line in said(family('[env]\nA = "hunter2 ${"\nB = "hunter2\\u0000"\nC = { default = "hunter2${}", x = 1 }')):
        assert "hunter2" not in line


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"a = 1\nb = = 2", 2, "this is not TOML"),
        (b'[tools]\n\nnode = "22', 3, "this is not TOML"),
        (b"a = 1\na = 2", 2, "this is not TOML"),
        (b"a = [1,\n2", 2, "this is not TOML"),
        (b"\xef\xbb\xbf[tools]", 1, "byte order mark"),
        ("[tools]".encode("utf-16"), 1, "not UTF-8"),
        (b"[tools]\n# \xff", 2, "not UTF-8: byte 11 is 0xff"),
        (b"[tools]\nno\x00de = '22'", 2, "this is not TOML"),
        (b"[tools]\n\x1b = '22'", 2, "this is not TOML"),
        (b"x = " + b"[" * 5000 + b"]" * 5000, None, "nested too deeply"),
        (b"x = " + b"1" * 5000, None, "number too long"),
        (b"\nx" + b".x" * 60_000 + b" = 1", 2, "a key of more than 32 parts"),
        (b"\n[x" + b' . "x"' * 60_000 + b"]", 2, "a key of more than 32 parts"),
        (b'\n["\\""' + b'."\\""' * 60_000 + b"]", 2, "a key of more than 32 parts"),
    ],
)
def test_what_is_no_toml_is_said_with_its_line(content: bytes, line: int | None, words: str) -> None:
    (error,) = problems(family(content))
    assert error.place is not None
    assert (error.place.line, words in error.message) == (line, True), error.message
    assert error.message.isprintable()


@pytest.mark.parametrize(
    "text",
    [
        '[devshell]\nname = "x"\npackages = ["go"]',
        '[[commands]]\npackage = "go"',
        '[[env]]\nname = "X"\nvalue = "y"',
        'imports = ["git.hooks"]',
        'packages = ["go"]',
    ],
)
def test_the_other_devshells_file_is_recognised(text: str) -> None:
    (error,) = problems(family(text))
    assert "numtide/devshell" in error.message
    assert error.hint is not None
    assert "[tasks]" in error.hint


def test_our_own_file_is_not_taken_for_the_others() -> None:
    (error,) = problems(family('[tools]\nnode = "22"\n[[env]]\nname = "X"'))
    assert error.message == "this is a list; expected a table of variables"


def test_no_end_of_problems_is_no_end_of_waiting() -> None:
    many = "\n".join(f"tol{n} = 1" for n in range(20_000))
    assert len(problems(family(many))) == 101
    many = "[tools]\n" + "\n".join(f'nod{n} = "1"' for n in range(2000))
    assert len(problems(family(many))) == 100


def test_a_long_chain_of_tasks_is_fine() -> None:
    chain = "\n".join(f"t{n} = {{ depends = ['t{n + 1}'] }}" for n in range(1999))
    assert len(parsed(family(f"[tasks]\n{chain}\nt1999 = 'x'")).base.tasks) == 2000


def many_variables(prefix: str, count: int) -> str:
    return "[env]\n" + "\n".join(f"{prefix}{n} = ''" for n in range(count)) + "\n"


def many_shells(prefix: str, count: int) -> str:
    return "\n".join(f"[shells.{prefix}{n}]" for n in range(count))


def test_sizes_that_multiply_are_bounded() -> None:
    assert len(parsed(family(many_variables("A", 2000) + many_shells("s", 100))).shells) == 100
    (error,) = problems(family(many_variables("A", 2001)))
    assert (str(error.place), error.message[:14]) == ("/p/devshell.toml:1: env", "there are 2001")
    (error,) = problems(family(many_shells("s", 101)))
    assert (str(error.place), error.message[:13]) == ("/p/devshell.toml:1: shells", "there are 101")
    (error,) = problems(family("settings.watch = [" + "'x', " * 2001 + "]"))
    assert str(error.place) == "/p/devshell.toml:1: settings.watch"
    both = problems(
        family(
            'include = ["a.toml"]\n' + many_variables("A", 1500) + many_shells("s", 60),
            a=many_variables("B", 1500) + many_shells("t", 60),
        )
    )
    assert [str(error.place) for error in both] == ["/p/devshell.toml: shells", "/p/devshell.toml: env"]


def test_includes_of_one_file() -> None:
    assert manifest.includes(b'include = ["a.toml", "../b.toml"]\ntools = 3', "f") == ("a.toml", "../b.toml")
    assert manifest.includes(b"", "f") == ()
    for broken in (b'include = ["a"]', b"include = 3", b"= 3", b"\xff"):
        with pytest.raises(ManifestError) as caught:
            manifest.includes(broken, "f")
        assert str(caught.value.place).startswith("f:1")


def test_links_of_one_file_name_everything_it_reads() -> None:
    found = manifest.links(
        b'include = [\n"a.toml", 3,\n"b.toml"]\ndotenv.files = [".env"]\nsettings.watch = ["x"]\n'
        b'[shells.ci]\ndotenv.files = ["/bad", ".env.ci"]\n[tools]\nbad = 3',
        "f",
    )
    assert [(link.name, str(link.place)) for links in found for link in links] == [
        ("a.toml", "f:2: include[0]"),
        ("b.toml", "f:3: include[2]"),
        (".env", "f:4: dotenv.files[0]"),
        (".env.ci", "f:7: shells.ci.dotenv.files[1]"),
        ("x", "f:5: settings.watch[0]"),
    ]
    assert manifest.links(b"include = ['a.toml']\n=", "f") == ((), (), ())


@pytest.mark.parametrize(
    ("text", "start", "mended"),
    [
        ("", None, ""),
        ("$ $$ $A {A} }", None, "$ $$ $A {A} }"),
        ("${A}${B:-}${_c1:-x y{$}", None, "${A}${B:-}${_c1:-x y{$}"),
        ("$${ $${A} $$${A}", None, "$${ $${A} $$${A}"),
        ("${", 0, "$${"),
        ("x${}", 1, "x$${}"),
        ("${1A}", 0, "$${1A}"),
        ("${A-b}", 0, "$${A-b}"),
        ("${A:b}", 0, "$${A:b}"),
        ("${A:-b", 0, "$${A:-b"),
        ("${ü}", 0, "$${ü}"),
        ("${A}${A", 4, "${A}$${A"),
    ],
)
def test_templates(text: str, start: int | None, mended: str) -> None:
    assert malformed(text) == start
    assert lenient(text) == mended


@settings(deadline=None)
@given(st.text(alphabet="${}:-A1_ ", max_size=20))
def test_a_mended_template_is_a_template(text: str) -> None:
    assert malformed(lenient(text)) is None
    assert (lenient(text) == text) == (malformed(text) is None)


def _check(content: bytes) -> None:
    errors: tuple[DevshellError, ...] = ()
    try:
        assert isinstance(manifest.parse(family(content), known_tools=KNOWN), Manifest)
    except ManyErrors as many:
        errors = many.errors or (many,)
    for error in errors:
        assert isinstance(error, ManifestError)
        assert error.place is not None
        assert error.place.file == "/p/devshell.toml"
        assert error.hint
        assert f"{error.message}{error.place}{error.hint}".isprintable()
    manifest.links(content, "f")


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_a_manifest_or_errors(content: bytes) -> None:
    _check(content)


@settings(deadline=None)
@given(st.text(alphabet="[]{}=\"'.#,\\\n abtols${}:-1/", max_size=80))
def test_any_text_gives_a_manifest_or_errors(text: str) -> None:
    _check(text.encode())


def _keys(table: Table) -> list[str]:
    inner = [_keys(key.shape) for key in table.keys.values() if isinstance(key.shape, Table)]
    return [*table.keys, *(key for keys in inner for key in keys)]


KEYS = [*_keys(MANIFEST), "version", "source", "url", "bin", "run", "depends", "unset", "default", "ci", "node", "a"]
texts = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["22", "http", "https://example.com/{os}", "${A}", "a.toml", "linux-x86_64", "a", "../x", "$${"]),
)
keys = st.one_of(st.sampled_from(KEYS), st.sampled_from(KEYS), texts)
values = st.recursive(
    st.one_of(texts, texts, st.integers(-9, 99), st.booleans(), st.floats(allow_nan=False), st.datetimes()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=25,
)


@settings(deadline=None)
@given(st.dictionaries(keys, values, max_size=6))
def test_any_document_gives_a_manifest_or_errors(tree: dict[str, Any]) -> None:
    _check(tomlkit.dumps(tree).encode())
