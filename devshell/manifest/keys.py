"""Every key of the manifest, in one table: what it may hold, and what is checked of it.

This is DESIGN.md's "Manifest" as data. What several keys decide together (a tool's table, a
variable's) is checked in `devshell.manifest.entries`, what several files do in `devshell.manifest.parse`.
"""

from __future__ import annotations

from devshell.manifest import names, texts
from devshell.manifest.shape import Either, Many, Names, Shape, Table, Text, Whole, Yes

_TEXT = Text("a string", (texts.plain,))
_COMMAND = Text("a command line in quotes", (texts.plain, texts.filled))
_TEMPLATE = Text("a value in quotes", (texts.plain, texts.template))
_FILE = Text("a path relative to the project", (texts.relative,))
_VERSION = Text('a version in quotes, such as "22"', (texts.plain, texts.filled))
_ADDRESS = Text("an address in quotes", (texts.address,))
_WORD = Text("a word in quotes", (texts.word,))

_DEEPEST_STRIP = 16
MOST_SHELLS = 100

TOOL = Either(
    'a version in quotes, such as "22", or a table with `version`',
    (
        _VERSION,
        Table(
            "a table with `version`",
            {
                "version": _VERSION,
                "source": Text(f"one of {', '.join(names.SOURCES)}", (texts.source,)),
                "url": Either(
                    "an address in quotes, or a table of one for each platform",
                    (_ADDRESS, Names("a table of addresses by platform", texts.platform, _ADDRESS)),
                ),
                "os": Table("a table of words for `linux` and `darwin`", {"linux": _WORD, "darwin": _WORD}),
                "arch": Table(
                    "a table of words for `x86_64`, `aarch64` and `arm64`",
                    {"x86_64": _WORD, "aarch64": _WORD, "arm64": _WORD},
                ),
                "strip": Whole(
                    f"the number of leading folders to drop, from 0 to {_DEEPEST_STRIP}", low=0, high=_DEEPEST_STRIP
                ),
                "suite": Text('a suite\'s codename in quotes, such as "bookworm"', (texts.codename,)),
                "with": Many(
                    'a list of packages, such as ["eslint-plugin-import@2"]',
                    Text("a package in quotes", (texts.plain, names.package)),
                    least=1,
                    unique=True,
                ),
                "bin": Names(
                    "a table of commands and their paths in the archive",
                    names.command,
                    Text("a path in the archive", (texts.plain, texts.relative, texts.inside)),
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
                "default": _TEMPLATE,
                "unset": Yes("unset = true"),
                "prepend": Many(
                    "a list of values, put in front of what is there",
                    Text("a value in quotes", (texts.plain, texts.filled, texts.template)),
                    least=1,
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
                "run": _COMMAND,
                "description": _TEXT,
                "depends": Many("a list of tasks", Text("a task's name", (names.task,))),
            },
            whole=True,
        ),
    ),
)

_SCRIPTS = Table("a table with scripts for `bash`, `zsh`, `fish`", {"bash": _TEXT, "zsh": _TEXT, "fish": _TEXT})

#: What a shell is made of, the project's own and each named one.
SHELL: dict[str, Shape] = {
    "tools": Names("a table of tools and versions", names.tool, TOOL),
    "env": Names("a table of variables", names.variable, VARIABLE),
    "path": Table(
        "a table with `prepend`",
        {
            "prepend": Many(
                "a list of folders relative to the project",
                Text("a folder relative to the project", (texts.plain, texts.relative, texts.path_entry)),
            )
        },
    ),
    "dotenv": Table("a table with `files`", {"files": Many("a list of files relative to the project", _FILE)}),
    "aliases": Names("a table of aliases", names.alias, _TEXT),
    "tasks": Names("a table of tasks", names.task, TASK),
    "hooks": Table(
        "a table with `env`, `activate`, `deactivate`", {"env": _TEXT, "activate": _SCRIPTS, "deactivate": _SCRIPTS}
    ),
}

_TOP = "it belongs at the top of the file, not into a named shell"

MANIFEST = Table(
    "a manifest",
    {
        "include": Many(
            "a list of files relative to this one",
            Text("a path relative to this file", (texts.relative, texts.toml_file)),
        ),
        **SHELL,
        "shells": Names(
            "a table of named shells",
            names.shell,
            Table(
                "a table such as [shells.ci]", SHELL, elsewhere=dict.fromkeys(("include", "shells", "settings"), _TOP)
            ),
            most=MOST_SHELLS,
        ),
        "settings": Table(
            "a table with `platforms`, `watch`",
            {
                "platforms": Many("a list of platforms", Text("a platform", (texts.platform,)), least=1, unique=True),
                "watch": Many("a list of files relative to the project", _FILE),
            },
        ),
    },
)
