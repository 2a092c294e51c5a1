"""Each rule of a string is said to editors as it is checked: never more strictly, and alike in every language."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devshell import versions
from devshell.errors import VersionError
from devshell.manifest import texts
from devshell.schemas import manifest_schema
from support.documents import every_rule, subschemas

if TYPE_CHECKING:
    from devshell.manifest.shape import Rule

RULES = list({id(rule): rule for rule in (*every_rule(), texts.exact)}.values())
SEEDS = ["", "a", "A-1", "a.b", "a..b", "@a/b", "@a/b@2", "npm:@a/b", "pypi:a", "x" * 129, "PATH", "_", "DEVSHELL_A"]
SEEDS += [
    "22",
    " >=1 , <2 ",
    "=1",
    "~=1.4",
    "1.0rc1",
    "10.0p1",
    "3.5a",
    "v1",
    "1.0+a.b",
    "1-1",
    "*",
    "latest",
    "1\u017f",
]
SEEDS += ["https://example.com:80/{version}?a={os}#x", "http://[::1]/", "http://127.0.0.1/x", "https://u:p@h/"]
SEEDS += ["../a/.", "a/../b", "bin/{os}", "/a", "~a", "a\\b", "a//b", ".env", "a.toml", "trixie", "stable", "${A:-b}$"]
ALPHABET = "aA1.-_:/@${}<>=!~^,+*~\\ \t\n\0\x1c\x7f\x85\xa0\u017f\u212a\ufeff\u2028ü1"


@st.composite
def near(draw: st.DrawFn) -> str:
    """Return something like what people write, with a few characters changed."""
    text = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(ALPHABET) | st.just("")) + text[at + draw(st.integers(0, 1)) :]
    return text


def rule_checker(rule: Rule) -> jsonschema_rs.Draft7Validator:
    said: dict[str, Any] = {"pattern": f"^(?:{rule.pattern})$"} if rule.pattern else {}
    said |= {"not": {"pattern": rule.never}} if rule.never else {}
    said |= {"maxLength": rule.longest} if rule.longest else {}
    said |= {"enum": list(rule.words)} if rule.words else {}
    return jsonschema_rs.Draft7Validator(said, pattern_options=jsonschema_rs.RegexOptions())


CHECKERS = [(rule, rule_checker(rule)) for rule in RULES]
#: What these check, a pattern says whole, but for lengths and reserved names.
EXACT = (texts.template, texts.toml_file, texts.path_entry, texts.word, texts.codename, texts.address, texts.relative)
REQUESTS = jsonschema_rs.Draft7Validator(
    {"pattern": f"^(?:{versions.REQUEST})$"}, pattern_options=jsonschema_rs.RegexOptions()
)


@settings(max_examples=500)
@given(near() | st.text(alphabet=ALPHABET, max_size=12) | st.text(max_size=6))
def test_no_rule_of_the_schema_is_stricter_than_the_check_it_stands_for(text: str) -> None:
    for rule, checker in CHECKERS:
        if rule(text) is None:
            assert checker.is_valid(text), rule
        elif any(rule is one for one in EXACT):
            assert not checker.is_valid(text), rule
    try:
        versions.parse(text)
    except VersionError:
        return
    assert REQUESTS.is_valid(text)


@settings(max_examples=300)
@given(
    st.from_regex(versions.REQUEST, fullmatch=True) | st.text(alphabet="0123456789.,<>=!~^ v*rcpostdev", max_size=12)
)
def test_what_the_parser_takes_for_a_version_the_schema_does(text: str) -> None:
    try:
        versions.parse(text)
    except VersionError:
        return
    assert REQUESTS.is_valid(text)


def patterns() -> list[str]:
    found = {part["pattern"] for part in subschemas(manifest_schema()) if isinstance(part.get("pattern"), str)}
    found |= {name for part in subschemas(manifest_schema()) for name in part.get("patternProperties", ())}
    return sorted(found)


NODE = """
const [patterns, texts] = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const held = patterns.map((p) => texts.map((t) => new RegExp(p, 'u').test(t)));
console.log(JSON.stringify(held));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="no node here")
def test_patterns_mean_the_same_to_javascript_and_to_rust() -> None:
    assert len(patterns()) > 15
    done = subprocess.run(
        ["node", "-e", NODE], input=json.dumps([patterns(), SEEDS]).encode(), capture_output=True, check=True
    )
    for pattern, held in zip(patterns(), json.loads(done.stdout), strict=True):
        rust = jsonschema_rs.Draft7Validator({"pattern": pattern}, pattern_options=jsonschema_rs.RegexOptions())
        assert held == [rust.is_valid(text) for text in SEEDS], pattern
