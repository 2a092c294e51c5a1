"""Every key of the manifest, in one table: what it may hold, what is checked of it, what editors say of it.

This is DESIGN.md's "Manifest" as data. What several keys decide together (a tool's table, a
variable's) is checked in `devshell.manifest.entries`, what several files do in `devshell.manifest.parse`;
`devshell.manifest.schema` makes of this what an editor needs.
"""

from __future__ import annotations

from devshell.manifest import names, texts
from devshell.manifest.shape import Either, Key, Many, Names, Table, Text, Whole, Yes

_TEXT = Text("a string", (texts.plain,))
_COMMAND = Text("a command line in quotes", (texts.plain, texts.filled))
_TEMPLATE = Text("a value in quotes", (texts.plain, texts.template))
_FILE = Text("a path relative to the project", (texts.relative,))
_VERSION = Text('a version in quotes, such as "22"', (texts.plain, texts.filled))
_ADDRESS = Text("an address in quotes", (texts.address,))
_WORD = Text("a word in quotes", (texts.word,))

_DEEPEST_STRIP = 16
MOST_SHELLS = 100

#: Keys of a tool's table that only `http` takes, which no short name stands for.
HTTP_ONLY = ("url", "os", "arch", "strip", "bin")
#: Keys that only some sources take; a short name may stand for one of these.
ONLY_SOME = {"with": names.WITH_SOURCES, "suite": ("deb",)}

_URL = "https://example.com/{version}/mytool-{os}-{arch}.tar.gz"
_OF_HTTP = "Only for tools of `http`."

TOOL = Either(
    'a version in quotes, such as "22", or a table with `version`',
    (
        _VERSION,
        Table(
            "a table with `version`",
            {
                "version": Key(
                    _VERSION,
                    'Which version: "22" is the newest 22; "=22.4.1", ">=0.9,<1", "~=1.4", "^1.4" and "latest" work '
                    "as well. A tool of `http` needs the exact one.",
                    ("22", ">=0.9,<1", "latest"),
                ),
                "source": Key(
                    Text(f"one of {', '.join(names.SOURCES)}", (texts.source,)),
                    "Where the tool comes from, instead of what the registry says, or a prefix of the name.",
                    ("pypi", "npm"),
                ),
                "url": Key(
                    Either(
                        "an address in quotes, or a table of one for each platform",
                        (
                            _ADDRESS,
                            Names(
                                "a table of addresses by platform",
                                texts.platform,
                                Key(
                                    _ADDRESS,
                                    "Where to download the archive for this platform.",
                                    ("https://example.com/{version}/mytool-linux.tar.gz",),
                                ),
                            ),
                        ),
                    ),
                    "Where to download the archive or the file, or a table of addresses by platform. `{version}`, "
                    f"`{{os}}` and `{{arch}}` are filled in. {_OF_HTTP}",
                    (_URL, {"linux-x86_64": "https://example.com/mytool.tar.gz"}),
                ),
                "os": Key(
                    Table(
                        "a table of words for `linux` and `darwin`",
                        {
                            "linux": Key(_WORD, "What `{os}` becomes on Linux, where it is not `linux`.", ("Linux",)),
                            "darwin": Key(_WORD, "What `{os}` becomes on macOS, where it is not `darwin`.", ("macos",)),
                        },
                    ),
                    f"What `{{os}}` in the address becomes. {_OF_HTTP}",
                    ({"darwin": "macos"},),
                ),
                "arch": Key(
                    Table(
                        "a table of words for `x86_64`, `aarch64` and `arm64`",
                        {
                            "x86_64": Key(_WORD, "What `{arch}` becomes on x86_64.", ("amd64",)),
                            "aarch64": Key(_WORD, "What `{arch}` becomes on Linux on ARM.", ("arm64",)),
                            "arm64": Key(_WORD, "What `{arch}` becomes on macOS on ARM.", ("aarch64",)),
                        },
                    ),
                    f"What `{{arch}}` in the address becomes. {_OF_HTTP}",
                    ({"x86_64": "amd64"},),
                ),
                "strip": Key(
                    Whole(
                        f"the number of leading folders to drop, from 0 to {_DEEPEST_STRIP}",
                        low=0,
                        high=_DEEPEST_STRIP,
                    ),
                    f"How many leading folders of the archive to drop. {_OF_HTTP}",
                    (1,),
                ),
                "suite": Key(
                    Text('a suite\'s codename in quotes, such as "bookworm"', (texts.codename,)),
                    "The codename of the Debian suite to take the tool from; trixie where nothing says otherwise. "
                    "Only for tools of `deb`.",
                    ("bookworm",),
                ),
                "with": Key(
                    Many(
                        'a list of packages, such as ["eslint-plugin-import@2"]',
                        Text("a package in quotes", (texts.plain, names.package)),
                        least=1,
                        unique=True,
                    ),
                    "Packages to put beside the tool, each `name` or `name@version`. Only for tools of `npm`.",
                    (["typescript-eslint", "eslint-plugin-import@2"],),
                ),
                "bin": Key(
                    Names(
                        "a table of commands and their paths in the archive",
                        names.command,
                        Key(
                            Text("a path in the archive", (texts.plain, texts.relative, texts.inside)),
                            "Where in the archive this command is.",
                            ("bin/mytool-{version}",),
                        ),
                    ),
                    "Commands, and where they are in the archive; without it, every executable in its `bin` folder. "
                    f"{_OF_HTTP}",
                    ({"mytool": "bin/mytool"},),
                ),
            },
            whole=True,
        ),
    ),
)

VARIABLE = Either(
    "a value in quotes, or a table with one of `default`, `unset`, `prepend`",
    (
        _TEMPLATE,
        Table(
            "a table with one of `default`, `unset`, `prepend`",
            {
                "default": Key(_TEMPLATE, "The variable's value where it has none.", ("info", "${project}/log")),
                "unset": Key(Yes("unset = true"), "Takes the variable away.", (True,)),
                "prepend": Key(
                    Many(
                        "a list of values, put in front of what is there",
                        Text("a value in quotes", (texts.plain, texts.filled, texts.template)),
                        least=1,
                    ),
                    "Entries to put in front of those that the variable has, with a colon between them.",
                    (["${project}/lib"],),
                ),
            },
            whole=True,
        ),
    ),
)

TASK = Either(
    "a command line in quotes, or a table with `run`",
    (
        _COMMAND,
        Table(
            "a table with `run`",
            {
                "run": Key(
                    _COMMAND,
                    "The line, run with `sh` in the project's folder. Arguments are appended, unless it uses `$1`, "
                    "`$@` or the like itself.",
                    ("python manage.py runserver",),
                ),
                "description": Key(_TEXT, "What the task is for, in a few words.", ("development server",)),
                "depends": Key(
                    Many("a list of tasks", Text("a task's name", (names.task,))),
                    "Tasks to run first, each once.",
                    (["migrate"],),
                ),
            },
            whole=True,
        ),
    ),
)

_SCRIPTS = Table(
    "a table with scripts for `bash`, `zsh`, `fish`",
    {
        "bash": Key(_TEXT, "The script for bash.", ("ulimit -n 4096",)),
        "zsh": Key(_TEXT, "The script for zsh.", ("ulimit -n 4096",)),
        "fish": Key(_TEXT, "The script for fish.", ("ulimit -n 4096",)),
    },
)

#: What a shell is made of, the project's own and each named one.
SHELL: dict[str, Key] = {
    "tools": Key(
        Names(
            "a table of tools and versions",
            names.tool,
            Key(
                TOOL,
                'A tool: its version, or a table. "22" is the newest 22; "=22.4.1", ">=0.9,<1", "~=1.4", "^1.4" and '
                '"latest" work as well.',
                ("22", {"version": "9", "with": ["typescript-eslint"]}),
            ),
        ),
        "The tools of the project: a short name of devshell's registry (`devshell search WORD`), or a source and a "
        'name, such as `"npm:prettier"`, and a version.',
        (
            {"node": "22", "ruff": ">=0.9,<1", "npm:prettier": "3"},
            {"mytool": {"source": "http", "version": "1.4.2", "url": _URL}},
        ),
    ),
    "env": Key(
        Names(
            "a table of variables",
            names.variable,
            Key(
                VARIABLE,
                "A variable: its value, or a table with one of `default`, `unset`, `prepend`. `${NAME}` is another "
                "variable's value, `${NAME:-word}` the same with a fallback, `${project}` the project's folder, and "
                "`$${` a plain `${`.",
                (
                    "postgresql://localhost/${USER}_dev",
                    {"default": "info"},
                    {"unset": True},
                    {"prepend": ["${project}/lib"]},
                ),
            ),
        ),
        "The variables of the project, in the order they act in.",
        ({"DATABASE_URL": "postgresql://localhost/${USER}_dev", "RUST_LOG": {"default": "info"}},),
    ),
    "path": Key(
        Table(
            "a table with `prepend`",
            {
                "prepend": Key(
                    Many(
                        "a list of folders relative to the project",
                        Text("a folder relative to the project", (texts.plain, texts.relative, texts.path_entry)),
                    ),
                    "Folders to put in front of PATH, before the tools, relative to the project.",
                    (["bin", "node_modules/.bin"],),
                )
            },
        ),
        "What stands in front of PATH, beside the tools.",
        ({"prepend": ["bin", "node_modules/.bin"]},),
    ),
    "dotenv": Key(
        Table(
            "a table with `files`",
            {
                "files": Key(
                    Many("a list of files relative to the project", _FILE),
                    "Files of variables, relative to the project. Later ones win; a missing one is fine. They act "
                    "before `[env]`.",
                    ([".env", ".env.local"],),
                )
            },
        ),
        "Variables that the project keeps in files of their own, often secret ones.",
        ({"files": [".env", ".env.local"]},),
    ),
    "aliases": Key(
        Names(
            "a table of aliases",
            names.alias,
            Key(_TEXT, "What this alias stands for in the shell.", ("pytest -x",)),
        ),
        "Aliases for shells that have devshell's hook, and for `devshell enter`.",
        ({"t": "pytest -x"},),
    ),
    "tasks": Key(
        Names(
            "a table of tasks",
            names.task,
            Key(
                TASK,
                "A task: a line that `devshell run NAME` runs with `sh` in the project's folder, or a table.",
                ("pytest", {"run": "python manage.py runserver", "depends": ["migrate"]}),
            ),
        ),
        "Lines to run by name: `devshell run NAME [ARGS…]`.",
        ({"test": "pytest", "lint": {"run": "ruff check", "description": "look for mistakes"}},),
    ),
    "hooks": Key(
        Table(
            "a table with `env`, `activate`, `deactivate`",
            {
                "env": Key(
                    _TEXT,
                    "A script that runs in bash inside the environment when the project is prepared. The variables "
                    "that it exports, changes or unsets are kept. Its output goes to stderr.",
                    ("export LLVM_CONFIG=$(command -v llvm-config)",),
                ),
                "activate": Key(
                    _SCRIPTS,
                    "Scripts that run in your shell when the environment is in place, inside a function.",
                    ({"bash": "ulimit -n 4096"},),
                ),
                "deactivate": Key(
                    _SCRIPTS,
                    "Scripts that run in your shell before the environment is taken out, inside a function.",
                    ({"bash": "ulimit -n 1024"},),
                ),
            },
        ),
        "Scripts of the project's own.",
        ({"env": "export LLVM_CONFIG=$(command -v llvm-config)"},),
    ),
}

_TOP = "it belongs at the top of the file, not into a named shell"

MANIFEST = Table(
    "a manifest",
    {
        "include": Key(
            Many(
                "a list of files relative to this one",
                Text("a path relative to this file", (texts.relative, texts.toml_file)),
            ),
            "Files to merge under this one, relative to it. The nearest file wins, and of two includes the later.",
            (["../common.devshell.toml"],),
        ),
        **SHELL,
        "shells": Key(
            Names(
                "a table of named shells",
                names.shell,
                Key(
                    Table(
                        "a table such as [shells.ci]",
                        SHELL,
                        elsewhere=dict.fromkeys(("include", "shells", "settings"), _TOP),
                    ),
                    "A named shell: all that it says lies on top of the project's own. `devshell enter NAME`, "
                    "`devshell exec --in NAME -- COMMAND`, `devshell run --in NAME TASK`.",
                    ({"tools": {"hyperfine": "1"}, "env": {"MODE": "ci"}},),
                ),
                most=MOST_SHELLS,
            ),
            "Named shells, for other occasions than everyday work.",
            ({"ci": {"tools": {"hyperfine": "1"}}},),
        ),
        "settings": Key(
            Table(
                "a table with `platforms`, `watch`",
                {
                    "platforms": Key(
                        Many("a list of platforms", Text("a platform", (texts.platform,)), least=1, unique=True),
                        "The platforms to lock for. Without it: linux-x86_64, linux-aarch64 and darwin-arm64.",
                        (["linux-x86_64", "darwin-arm64"],),
                    ),
                    "watch": Key(
                        Many("a list of files relative to the project", _FILE),
                        "Files whose change asks for your word again and makes the environment anew.",
                        (["package.json"],),
                    ),
                },
            ),
            "Settings of the project as a whole.",
            ({"platforms": ["linux-x86_64", "darwin-arm64"], "watch": ["package.json"]},),
        ),
    },
)
