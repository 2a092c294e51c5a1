"""Edits of a manifest keep what a person wrote."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devshell.edit import new_manifest, template, templates, with_tool, without_tool
from devshell.errors import ManifestError, UsageError

MANIFEST = b"""\
# the project's tools
[tools]
node = "22"   # as in production
ruff = '>=0.9,<1'
mytool = { source = "http", version = "1.4.2" }
# last word on tools

# about variables
[env]
A = "1"   # one
"""


def test_a_tool_is_added_below_the_last_one() -> None:
    changed = with_tool(MANIFEST, "go", "1.23").decode()
    assert changed == MANIFEST.decode().replace('"1.4.2" }\n', '"1.4.2" }\ngo = "1.23"\n')


def test_a_version_changes_alone_and_keeps_its_quotes_and_comment() -> None:
    assert with_tool(MANIFEST, "node", "24") == MANIFEST.replace(b'"22"', b'"24"')
    assert with_tool(MANIFEST, "ruff", "1") == MANIFEST.replace(b"'>=0.9,<1'", b"'1'")


def test_a_version_that_its_quotes_cannot_hold_gets_others() -> None:
    assert tomllib.loads(with_tool(MANIFEST, "ruff", "it's").decode())["tools"]["ruff"] == "it's"


def test_an_entry_that_is_a_table_keeps_its_other_keys() -> None:
    assert with_tool(MANIFEST, "mytool", "1.5") == MANIFEST.replace(b'"1.4.2"', b'"1.5"')
    section = b'[tools.my]\nsource = "http"  # ours\nversion = "1"\n\n[env]\n'
    assert with_tool(section, "my", "2") == section.replace(b'"1"', b'"2"')


def test_removing_takes_the_line_alone() -> None:
    assert without_tool(MANIFEST, "node") == MANIFEST.replace(b'node = "22"   # as in production\n', b"")
    assert without_tool(MANIFEST, "mytool") == MANIFEST.replace(
        b'mytool = { source = "http", version = "1.4.2" }\n', b""
    )


def test_removing_the_last_tool_keeps_the_rest() -> None:
    assert without_tool(b'# a\n[tools]\nnode = "22"\n# b\n\n[env]\nA = "1"\n', "node") == (
        b'# a\n[tools]\n# b\n\n[env]\nA = "1"\n'
    )


def test_removing_a_section_keeps_the_comment_on_the_next() -> None:
    content = b'[tools]\na = "1"\n\n[tools.my]\nsource = "http"\n# end\n\n# about variables\n[env]\nA = "1"\n'
    changed = without_tool(content, "my")
    assert changed == b'[tools]\na = "1"\n\n# end\n\n# about variables\n[env]\nA = "1"\n'


def test_removing_an_unknown_tool_names_the_nearest() -> None:
    with pytest.raises(ManifestError, match="no tool 'noed'") as caught:
        without_tool(MANIFEST, "noed")
    assert caught.value.hint == "did you mean 'node'?"
    with pytest.raises(ManifestError) as caught:
        without_tool(b"", "\x1b[2J")
    assert "\x1b" not in caught.value.message


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", b'[tools]\ngo = "1"\n'),
        (b"# mine\n", b'# mine\n\n[tools]\ngo = "1"\n'),
        (b'[env]\nA = "1"', b'[env]\nA = "1"\n\n[tools]\ngo = "1"\n'),
        (b'[env]\r\nA = "1"\r\n', b'[env]\r\nA = "1"\r\n\r\n[tools]\r\ngo = "1"\r\n'),
        (b"[tools]\n[env]\n", b'[tools]\ngo = "1"\n[env]\n'),
        (b"[tools]\n# none yet\n\n[env]\n", b'[tools]\n# none yet\ngo = "1"\n\n[env]\n'),
        (b"[tools]\n# none\n\n# on env\n[env]\n", b'[tools]\n# none\ngo = "1"\n\n# on env\n[env]\n'),
        (b"tools = {}\n", b'tools = {go = "1"}\n'),
        (b'tools = { a = "1" }\n', None),
        (b'tools.a = "1"\n', b'tools.a = "1"\ntools.go = "1"\n'),
        (b'[tools.my]\nsource = "http"\n', b'[tools]\ngo = "1"\n\n[tools.my]\nsource = "http"\n'),
        (b"[tools]\r\n    a = '1'\r\n\r\n[env]\r\n", b"[tools]\r\n    a = '1'\r\n    go = '1'\r\n\r\n[env]\r\n"),
        (b'[tools]\na = "1"', b'[tools]\na = "1"\ngo = "1"\n'),
        (b'\xef\xbb\xbf[tools]\na = "1"\n', b'\xef\xbb\xbf[tools]\na = "1"\ngo = "1"\n'),
        (b'[tools.b]\nversion = "1"\n[env]\nA = "1"\n[tools.c]\nversion = "1"\n', None),
    ],
)
def test_every_shape_of_a_manifest_takes_a_tool(content: bytes, expected: bytes | None) -> None:
    changed = with_tool(content, "go", "1")
    assert tomllib.loads(changed.decode("utf-8-sig"))["tools"]["go"] == "1"
    if expected is not None:
        assert changed == expected
    removed = tomllib.loads(without_tool(changed, "go").decode("utf-8-sig"))
    assert removed.get("tools", {}) == tomllib.loads(content.decode("utf-8-sig")).get("tools", {})


@pytest.mark.parametrize("content", [b"\xff", b"tools = 1\n", b"[[tools]]\n", b"[tools\n", b"a = " + b"[" * 5000])
def test_what_is_no_manifest_is_refused(content: bytes) -> None:
    with pytest.raises(ManifestError):
        with_tool(content, "go", "1")
    with pytest.raises(ManifestError):
        without_tool(content, "go")


comments = st.sampled_from(["", "# a comment", "   # indented", "\t"])
names = st.from_regex(r"\A(?:[a-z]+:)?@?[A-Za-z0-9_./ +-]{1,12}\Z")
words = st.text(st.characters(codec="utf-8"), max_size=12)


@st.composite
def manifests(draw: st.DrawFn) -> tuple[bytes, set[str]]:
    """A manifest with [tools] and lines around it, and the tools in it."""
    end = draw(st.sampled_from(["\n", "\r\n"]))
    tools = draw(st.lists(names, unique=True, max_size=4))
    lines = draw(st.lists(comments, max_size=2))
    lines.append("[tools]" + draw(st.sampled_from(["", "  # tools"])))
    for tool in tools:
        lines += draw(st.lists(comments, max_size=1))
        value = draw(st.sampled_from(['"22"', "'22'", '{ version = "1", source = "http" }', '"""22"""']))
        indent = draw(st.sampled_from(["", "  "]))
        lines.append(f'{indent}"{tool}"{draw(st.sampled_from([" = ", "="]))}{value}  {draw(comments)}')
    lines += draw(st.lists(comments, max_size=3))
    if draw(st.booleans()):
        lines += ["[env]  # variables", 'A = "1"', *draw(st.lists(comments, max_size=2))]
    return (end.join(lines) + end).encode(), set(tools)


@given(manifests(), names, words)
def test_a_tool_added_and_removed_leaves_the_same_bytes(
    manifest: tuple[bytes, set[str]], name: str, version: str
) -> None:
    content, tools = manifest
    changed = with_tool(content, name, version)
    assert tomllib.loads(changed.decode())["tools"][name] in (
        version,
        {"version": version, "source": "http"},
    )
    assert changed.count(b"#") >= content.count(b"#")
    if name not in tools:
        assert without_tool(changed, name) == content


@given(manifests(), st.data())
def test_removing_touches_no_other_line(manifest: tuple[bytes, set[str]], data: st.DataObject) -> None:
    content, tools = manifest
    if not tools:
        return
    tool = data.draw(st.sampled_from(sorted(tools)))
    lines = content.splitlines(keepends=True)
    kept = [line for line in lines if not line.lstrip().startswith(f'"{tool}"'.encode())]
    assert without_tool(content, tool) == b"".join(kept)


@given(st.dictionaries(names, words, max_size=5), words)
def test_a_new_manifest_holds_its_tools_whatever_they_are(tools: dict[str, str], comment: str) -> None:
    made = new_manifest(tools, dict.fromkeys(tools, comment))
    assert tomllib.loads(made.decode()) == {"tools": tools}


def test_a_new_manifest_can_be_uncommented() -> None:
    made = new_manifest({"node": "22"}, {"node": "from .nvmrc"}).decode()
    assert 'node = "22" # from .nvmrc\n' in made
    body = made[made.index("# [env]") :].replace("# Commands: `devshell run test`.", "")
    example = tomllib.loads("\n".join(line.removeprefix("# ").removeprefix("#") for line in body.splitlines()))
    assert set(example) == {"env", "dotenv", "tasks"}


@pytest.mark.parametrize("name", ["minimal", "node", "python", "go", "web"])
def test_each_template_is_a_manifest(name: str) -> None:
    assert name in templates()
    assert tomllib.loads(template(name).decode())["tools"]


def test_an_unknown_template_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="no template 'nod'") as caught:
        template("nod")
    assert caught.value.hint == "did you mean 'node'?"
    with pytest.raises(UsageError):
        template("../pyproject")
