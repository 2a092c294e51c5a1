"""What a tool needs of a Debian suite: dependency fields, choices, pruning, and what cannot be met."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devshell.errors import ResolveError
from devshell.sources.deb import control, fixups, pruned
from devshell.sources.deb.closure import MOST, closure, newest
from devshell.sources.deb.control import Relation
from devshell.sources.deb.packages import Package
from devshell.sources.deb.pruned import Names, Rules

NO_RULES = Rules()


@dataclass
class Suite:
    """An index in memory."""

    packages: list[Package] = field(default_factory=list)
    codename: str = "trixie"
    date: str = "2026-11-20T08:12:33Z"

    def add(self, name: str, depends: str = "", version: str = "1.0-1", **more: str) -> Suite:
        architecture = more.pop("architecture", "amd64")
        file = f"pool/main/x/{name}/{name}_{version.rpartition(':')[2]}_{architecture}.deb"
        said = {"pre_depends": "", "provides": "", "source": name, **more}
        self.packages.append(
            Package(
                name=name,
                version=version,
                architecture=architecture,
                depends=depends,
                filename=file,
                size=1,
                sha256="0" * 64,
                **said,
            )
        )
        return self

    def named(self, name: str) -> tuple[Package, ...]:
        return tuple(p for p in self.packages if p.name == name)

    def providing(self, name: str) -> tuple[Package, ...]:
        return tuple(p for p in self.packages if re.search(rf"(^|[ ,]){re.escape(name)}($|[ ,(])", p.provides))


def need(suite: Suite, *roots: str, rules: Rules = NO_RULES) -> list[str]:
    found = [max(suite.named(root), key=newest) for root in roots]
    return [f"{p.name} {p.version}" for p in closure(suite, found, "amd64", rules)]


def names(suite: Suite, *roots: str, rules: Rules = NO_RULES) -> list[str]:
    return [one.partition(" ")[0] for one in need(suite, *roots, rules=rules)]


def refused(suite: Suite, root: str = "tool") -> ResolveError:
    with pytest.raises(ResolveError) as caught:
        need(suite, root)
    return caught.value


# Fields


def test_a_field_is_read() -> None:
    text = "libc6 (>= 2.38), default-mta | mail-agent (<< 2), python3:any,\n  zlib1g(=1:1.3-1),"
    assert control.parse(text, "amd64") == (
        (Relation("libc6", ">=", "2.38"),),
        (Relation("default-mta"), Relation("mail-agent", "<<", "2")),
        (Relation("python3", qualifier="any"),),
        (Relation("zlib1g", "=", "1:1.3-1"),),
    )
    assert control.parse("", "amd64") == ()


def test_architectures_count_and_build_profiles_do_not() -> None:
    text = "aa [amd64 i386], bb [arm64] | cc [!amd64], dd [linux-any] <!nocheck> <stage1 cross>, ee [any-amd64]"
    assert [str(group[0]) for group in control.parse(text, "amd64")] == ["aa", "dd", "ee"]
    assert [" | ".join(map(str, group)) for group in control.parse(text, "arm64")] == ["bb | cc", "dd"]


@pytest.mark.parametrize(
    ("operator", "accepted"),
    [
        ("<<", ["1.0-1"]),
        ("<=", ["1.0-1", "1.0-2"]),
        ("<", ["1.0-1", "1.0-2"]),
        ("=", ["1.0-2"]),
        (">=", ["1.0-2", "1.0-10"]),
        (">", ["1.0-2", "1.0-10"]),
        (">>", ["1.0-10"]),
    ],
)
def test_versions_are_compared_as_debian_compares_them(operator: str, accepted: list[str]) -> None:
    ((relation,),) = control.parse(f"tool ({operator} 1.0-2)", "amd64")
    assert [version for version in ("1.0-1", "1.0-2", "1.0-10") if relation.accepts(version)] == accepted


@pytest.mark.parametrize(
    "text",
    ["Tool", "tool (>= )", "tool (== 1)", "tool (>= 1", "../etc", "tool (>= 1) x", "a b", "${misc:Depends}", "aa |"],
)
def test_what_is_no_dependency_is_refused(text: str) -> None:
    with pytest.raises(ResolveError, match="cannot be read"):
        control.parse(text, "amd64")


def test_a_field_without_end_is_refused() -> None:
    with pytest.raises(ResolveError, match="cannot be read"):
        control.parse("tool, " * control.LONGEST, "amd64")
    with pytest.raises(ResolveError, match="cannot be read"):
        control.parse("tool" + " " * (control.LONGEST - 100) + "x", "amd64")


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        groups = control.parse(text, "amd64")
    except ResolveError:
        return
    assert all(control.NAME.fullmatch(relation.name) for group in groups for relation in group)


relations = st.builds(
    lambda name, operator, version: f"{name} ({operator} {version})" if operator else name,
    st.from_regex(r"[a-z0-9][a-z0-9+.-]{1,10}", fullmatch=True),
    st.sampled_from(["", "<<", "<=", "=", ">=", ">>"]),
    st.from_regex(r"[0-9][A-Za-z0-9.+~-]{0,6}", fullmatch=True),
)


@given(st.lists(st.lists(relations, min_size=1, max_size=3), max_size=5))
def test_what_debian_writes_is_what_is_read(groups: list[list[str]]) -> None:
    text = ", ".join(" | ".join(group) for group in groups)
    assert [[str(relation) for relation in group] for group in control.parse(text, "amd64")] == groups


# The closure


def test_what_is_needed_is_followed_to_its_end() -> None:
    suite = Suite().add("tool", "liba (>= 1), libb", pre_depends="base").add("liba", "libc").add("libb", "liba")
    suite.add("libc").add("base").add("unrelated", "tool").add("recommended")
    assert names(suite, "tool") == ["base", "liba", "libb", "libc", "tool"]
    assert names(suite, "libc", "unrelated") == ["base", "liba", "libb", "libc", "tool", "unrelated"]


def test_a_circle_is_no_trouble() -> None:
    assert names(Suite().add("tool", "data").add("data", "tool, data"), "tool") == ["data", "tool"]


def test_the_highest_version_is_taken() -> None:
    suite = Suite().add("tool", "liba")
    for version in ("1.10-1", "1.9-1", "1.10-1~bpo1"):
        suite.add("liba", version=version)
    assert need(suite, "tool") == ["liba 1.10-1", "tool 1.0-1"]


def test_the_order_of_the_index_decides_nothing() -> None:
    suite = (
        Suite().add("tool", "liba, libb | libc, virtual").add("liba").add("liba", version="2").add("libb").add("libc")
    )
    suite.add("zz-one", provides="virtual").add("aa-one", provides="virtual").add(
        "one", provides="virtual", version="3"
    )
    suite.add("one", provides="virtual")
    expected = need(suite, "tool")
    assert expected == ["liba 2", "libb 1.0-1", "one 3", "tool 1.0-1"]
    for seed in range(20):
        random.Random(seed).shuffle(suite.packages)
        assert need(suite, "tool") == expected


def test_a_later_wish_for_an_older_version_counts() -> None:
    suite = Suite().add("tool", "liba, plugin").add("plugin", "liba (<< 2)")
    suite.add("liba", "extra", version="2").add("liba", version="1").add("extra")
    assert need(suite, "tool") == ["liba 1", "plugin 1.0-1", "tool 1.0-1"]


def test_an_older_tool_gets_the_parts_of_its_own_version() -> None:
    suite = Suite()
    for version in ("17.5", "17.6"):
        suite.add("tool", f"helper, tool-client (= {version})", version=version).add("tool-client", version=version)
    suite.add("helper", "tool-client")
    (old,) = (p for p in suite.named("tool") if p.version == "17.5")
    found = closure(suite, [old], "amd64", NO_RULES)
    assert [(p.name, p.version) for p in found] == [("helper", "1.0-1"), ("tool", "17.5"), ("tool-client", "17.5")]


def test_a_version_that_lacks_something_is_passed_over() -> None:
    suite = Suite().add("tool", "liba").add("liba", "gone", version="2").add("liba", version="1")
    assert need(suite, "tool") == ["liba 1", "tool 1.0-1"]


# Alternatives and virtual packages


def test_the_first_alternative_that_there_is_is_taken() -> None:
    suite = Suite().add("tool", "gone | old (>= 2) | good | better").add("old", version="1").add("good").add("better")
    assert names(suite, "tool") == ["good", "tool"]


def test_an_alternative_that_is_needed_anyway_is_taken() -> None:
    suite = (
        Suite().add("tool", "mawk | gawk, script").add("script", "deeper").add("deeper", "gawk").add("gawk").add("mawk")
    )
    assert names(suite, "tool") == ["deeper", "gawk", "script", "tool"]


def test_an_alternative_that_lacks_something_is_passed_over() -> None:
    suite = Suite().add("tool", "broken | good").add("broken", "deep").add("deep", "gone").add("good")
    assert names(suite, "tool") == ["good", "tool"]


def test_a_name_that_no_package_has_is_answered_by_a_provider() -> None:
    suite = Suite().add("tool", "mail-agent").add("postman", provides="post, mail-agent (= 3)").add("post")
    assert names(suite, "tool") == ["postman", "tool"]


def test_a_package_of_the_name_comes_before_a_provider() -> None:
    suite = Suite().add("tool", "awk").add("a", provides="awk").add("awk")
    assert names(suite, "tool") == ["awk", "tool"]


def test_a_provider_that_is_there_is_enough() -> None:
    suite = Suite().add("tool", "api, zcli").add("acli", provides="api").add("zcli", provides="api")
    assert names(suite, "tool") == ["tool", "zcli"]


def test_a_provider_of_the_same_source_is_preferred() -> None:
    suite = Suite().add("php-mod", "phpapi-8", source="php").add("xx", provides="phpapi-8")
    suite.add("php-embed", provides="phpapi-8", source="php").add("php-cli", provides="phpapi-8", source="php")
    assert names(suite, "php-mod") == ["php-cli", "php-mod"]


def test_only_a_versioned_provider_answers_for_a_version() -> None:
    suite = Suite().add("tool", "api (>= 2)").add("aa", provides="api").add("bb", provides="api (= 1)")
    assert "needs api (>= 2)" in refused(suite).message
    suite.add("cc", provides="api (= 2), apix (= 3)")
    assert names(suite, "tool") == ["cc", "tool"]


def test_another_architecture_is_never_meant() -> None:
    suite = Suite().add("tool", "liba:any, libb:amd64").add("liba").add("libb")
    assert names(suite, "tool") == ["liba", "libb", "tool"]
    assert "needs liba" in refused(suite.add("other", "liba:i386"), "other").message


# What cannot be met


def test_what_the_suite_lacks_is_named_with_the_chain_to_it() -> None:
    error = refused(Suite().add("tool", "libfoo (>= 2)").add("libfoo", version="1"))
    assert error.message == "tool needs libfoo (>= 2), which Debian's trixie does not have"
    assert error.hint
    suite = Suite().add("tool", "server").add("server", "liba | libb").add("liba", "gone | lost")
    assert refused(suite).message == (
        "tool needs server, which needs liba | libb, which needs gone | lost, which Debian's trixie does not have"
    )


def test_a_contradiction_is_said() -> None:
    suite = Suite().add("tool", "liba (= 1), plugin").add("plugin", "liba (= 2)")
    suite.add("liba", version="1").add("liba", version="2")
    assert "liba (= " in refused(suite).message
    assert "contradicts what else is needed of it" in refused(suite).message


def test_a_closure_without_end_is_refused() -> None:
    suite = Suite()
    for number in range(MOST + 1):
        suite.add(f"lib{number}", f"lib{number + 1}")
    by_name = {package.name: (package,) for package in suite.packages}
    suite.named = lambda name: by_name.get(name, ())  # type: ignore[method-assign]
    assert f"more than {MOST}" in refused(suite, "lib0").message


def test_choices_without_end_are_given_up() -> None:
    suite = Suite().add("tool", "liba")
    for number in range(300):
        suite.add("liba", f"gone{number}", version=str(number))
    assert refused(suite).hint


# Pruning

RULES = pruned.parse(
    """
    always = ["base"]
    pruned = [
        { packages = ["debconf", "debconf-2.0", "init-*"], reason = "x" },
        { packages = ["manager"], of = ["server-*"], reason = "x" },
    ]
    implied = [{ packages = ["libterm*"], needs = ["terminals"], reason = "x" }]
    """
)


def system() -> Suite:
    suite = Suite().add("base").add("terminals").add("debconf", "perl").add("perl").add("libterm6")
    return suite.add("cdebconf", provides="debconf-2.0").add("init-scripts").add("manager", "perl")


def test_what_only_a_whole_system_needs_is_left_out() -> None:
    suite = system().add("tool", "debconf (>= 0.5) | debconf-2.0, init-scripts, init-nowhere")
    assert names(suite, "tool", rules=RULES) == ["base", "tool"]
    assert names(system().add("tool", "debconf-2.0"), "tool", rules=RULES) == ["base", "tool"]


def test_an_alternative_to_what_is_left_out_is_not_needed() -> None:
    assert names(system().add("tool", "debconf | perl"), "tool", rules=RULES) == ["base", "tool"]
    assert names(system().add("tool", "perl | debconf"), "tool", rules=RULES) == ["base", "perl", "tool"]


def test_what_is_left_out_is_there_where_it_is_asked_for() -> None:
    assert names(system().add("tool", "debconf"), "tool", "debconf", rules=RULES) == ["base", "debconf", "perl", "tool"]


def test_a_need_of_some_packages_alone_may_not_count() -> None:
    suite = system().add("server-17", "manager").add("tool", "server-17").add("other", "server-17, manager")
    assert names(suite, "tool", rules=RULES) == ["base", "server-17", "tool"]
    assert names(suite, "other", rules=RULES) == ["base", "manager", "other", "perl", "server-17"]


def test_what_no_field_names_is_taken() -> None:
    assert names(system().add("tool", "libterm6"), "tool", rules=RULES) == ["base", "libterm6", "terminals", "tool"]


def test_the_rules_that_come_with_devshell() -> None:
    rules = pruned.load()
    assert {"libc6", "libc-bin", "dash"} <= set(rules.always)
    for package in ("debconf", "systemd", "adduser", "gcc-14-base", "locales", "dpkg"):
        assert rules.leaves_out(package, "anything")
    for package in ("libsystemd0", "libpam0g", "tzdata", "perl", "libudev1", "libgcc-s1", "openssl", "libmount1"):
        assert not rules.leaves_out(package, "anything")
    assert rules.leaves_out("postgresql-common", "postgresql-17")
    assert not rules.leaves_out("postgresql-common", "somebody")
    assert rules.unsaid("libtinfo6") == ("ncurses-base",)


def test_every_rule_gives_its_reason() -> None:
    import tomllib
    from importlib import resources

    data = tomllib.loads((resources.files("devshell.sources.deb") / "pruned.toml").read_text())
    assert set(data) == {"always", "pruned", "implied"}
    for entry in data["pruned"]:
        assert set(entry) <= {"packages", "of", "reason"}
        assert entry["packages"]
        assert entry["reason"]
        listed = [*entry["packages"], *entry.get("of", ())]
        assert all(re.fullmatch(r"[a-z0-9][a-z0-9+.*-]+", name) for name in listed)
    for entry in data["implied"]:
        assert set(entry) == {"packages", "needs", "reason"}
        assert entry["reason"]


def test_names_are_whole_or_patterns() -> None:
    listed = Names.of(["aa", "lib*-dev", "x.y"])
    assert [name for name in ("aa", "aab", "lib-de", "libz-dev", "libz-devel", "xzy", "x.y") if name in listed] == [
        "aa",
        "libz-dev",
        "x.y",
    ]


# Fix-ups


def mending(package: str, *texts: str, **variables: str) -> fixups.Mending:
    return fixups.Mending(re.compile(package), tuple({"kind": "executable", "path": text} for text in texts), variables)


def test_fixups_are_those_of_the_packages_there_are() -> None:
    suite = Suite().add("perl-base", version="5.40.1-6").add("git", version="1:2.47.3-0+deb13u1").add("libperl5.40")
    mendings = (
        mending("git", "usr/bin/git", GIT="${tool}/{version}"),
        mending("perl|perl-base", "usr/lib/{arch}-linux-gnu/perl/{version}", "{os}/{release}/{other}", PERL="x"),
        mending("perl-b", "never"),
        mending("lib.*|git", "usr/bin/git", "usr/bin/other"),
    )
    found, variables = fixups.needed(suite.packages, "linux-aarch64", mendings)
    assert [dict(fixup)["path"] for fixup in found] == [
        "usr/bin/git",
        "usr/lib/aarch64-linux-gnu/perl/5.40.1",
        "linux/5.40.1-6/{other}",
        "usr/bin/other",
    ]
    assert variables == {"GIT": "${tool}/2.47.3", "PERL": "x"}


def test_the_fixups_that_come_with_devshell_can_be_read() -> None:
    for one in fixups.load():
        assert all(fixup["kind"] for fixup in one.fixups)
        assert all(isinstance(text, str) for fixup in one.fixups for text in fixup.values())
