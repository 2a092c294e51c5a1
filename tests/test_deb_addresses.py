from __future__ import annotations

import itertools
import string
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devshell import config
from devshell.config import Config
from devshell.errors import ConfigError, FetchError
from devshell.fetch import Fetcher
from devshell.fetch.address import Address, parse
from devshell.sources import World
from devshell.sources.deb import apt
from devshell.sources.deb.addresses import addresses_of, roots
from devshell.sources.deb.apt import Archive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Place

MAIN = "https://deb.example/debian"
SECURITY = "https://deb.example/debian-security"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
NOBODYS = Path("/nonexistent/apt")


@pytest.fixture
def world(own_folders: Place) -> Iterator[Callable[..., World]]:
    made = []

    def make(settings: Config | None = None, **more: object) -> World:
        made.append(Fetcher(own_folders.base / "cache", attempts=1, pause=0.01))
        return World(made[-1], settings or Config(), **more)  # type: ignore[arg-type]

    yield make
    for fetcher in made:
        fetcher.close()


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    (tmp_path / "apt" / "sources.list.d").mkdir(parents=True)
    (tmp_path / "apt" / "auth.conf.d").mkdir()
    return tmp_path / "apt"


def deb822(**fields: str) -> str:
    said = {"Types": "deb", "Components": "main", "Signed-By": KEYRING} | {
        k.replace("_", "-"): fields[k] for k in fields
    }
    return "".join(f"{name}: {value}\n" for name, value in said.items() if value)


def put(etc: Path, text: str, name: str = "debian.sources") -> Path:
    file = etc / "sources.list" if name == "sources.list" else etc / "sources.list.d" / name
    file.write_text(text)
    return etc


def found(etc: Path) -> list[str]:
    return [archive.address for archive in apt.archives(etc)]


# devshell's own configuration


def test_ones_own_configuration_stands_alone(world: Callable[..., World], etc: Path) -> None:
    put(etc, deb822(URIs=MAIN, Suites="trixie"))
    settings = Config(index_deb=("https://a.example/debian/", "file:///srv/debian-security"), deb_snapshot=True)
    first, second = roots(world(settings), etc)
    assert (first.address, first.security, first.snapshot) == ("https://a.example/debian", False, True)
    assert (second.address, second.security, second.snapshot) == ("file:///srv/debian-security", True, True)


def test_else_apts(world: Callable[..., World], etc: Path) -> None:
    put(etc, deb822(URIs=MAIN, Suites="bookworm bookworm-updates") + "\n" + deb822(URIs=SECURITY, Suites="x-security"))
    assert [root.address for root in roots(world(), etc)] == [MAIN]


def test_where_none_is_known_there_is_one_error_with_what_to_type(world: Callable[..., World], etc: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        roots(world(), etc)
    assert "`devshell config set index.deb ADDRESS`" in str(caught.value.hint)
    with pytest.raises(ConfigError):
        roots(world(ask=lambda _: ""), NOBODYS)


def test_a_terminal_is_asked_once_and_the_answer_kept(world: Callable[..., World], etc: Path) -> None:
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        return MAIN

    here = world(ask=answer)
    assert [root.address for root in roots(here, etc)] == [root.address for root in roots(here, etc)] == [MAIN]
    assert len(asked) == 1
    assert config.load(config.config_file()).index_deb == (MAIN,)


def test_an_answer_that_is_no_address_is_refused(world: Callable[..., World], etc: Path) -> None:
    with pytest.raises(ConfigError, match="addresses"):
        roots(world(ask=lambda _: "deb.example"), etc)
    assert not config.config_file().exists()


def test_files_of_security_updates_are_looked_for_in_their_archive_first(world: Callable[..., World]) -> None:
    here = world(Config(index_deb=(MAIN, SECURITY)))
    name = "main/j/jq/jq_1.7-1+b2~x_amd64.deb"
    assert list(addresses_of(f"pool/{name}", "trixie", here)) == [f"{MAIN}/pool/{name}", f"{SECURITY}/pool/{name}"]
    assert list(addresses_of(f"pool/updates/{name}", "trixie", here)) == [
        f"{SECURITY}/pool/updates/{name}",
        f"{MAIN}/pool/updates/{name}",
    ]
    odd = next(addresses_of("pool/a%3a b?#.deb", "trixie", here))
    assert odd == f"{MAIN}/pool/a%253a%20b%3F%23.deb"


def test_a_login_is_part_of_neither_identity_nor_place(world: Callable[..., World]) -> None:
    (root,) = roots(world(Config(index_deb=("https://joe:hunter2@deb.example/debian",))))
    assert root.identity == MAIN
    assert "hunter2" not in root.identity + root.place


# plain http


def test_plain_http_is_asked_for_lists_and_packages_of_an_archive_only(world: Callable[..., World]) -> None:
    here = world(Config(index_deb=("http://deb.invalid/debian",)))
    roots(here)
    policy = here.fetcher._policy
    for path, allowed in (
        ("dists/trixie/InRelease", True),
        ("pool/main/j/jq/jq_1_amd64.deb", True),
        ("pool/../../simple/jq/", False),
        ("pool/%2e%2e/%2e%2e/simple/jq/", False),
        ("simple/jq/", False),
        ("pool", False),
    ):
        address = parsed(f"http://deb.invalid/debian/{path}")
        assert policy.is_only_proven(address) is allowed, path
        if allowed:
            policy.check(address)
        else:
            with pytest.raises(FetchError, match="plain http"):
                policy.check(address)
    for elsewhere in ("http://deb.invalid:8080/debian/pool/x", "http://other.invalid/debian/pool/x"):
        with pytest.raises(FetchError, match="plain http"):
            policy.check(parsed(elsewhere))


def test_a_redirect_from_an_archive_may_stay_on_plain_http_but_not_leave_https(world: Callable[..., World]) -> None:
    here = world(Config(index_deb=("http://deb.invalid/debian", "https://safe.invalid/debian")))
    roots(here)
    policy = here.fetcher._policy
    assert policy.redirect(parsed("http://deb.invalid/debian/pool/x"), "http://b.invalid/y").host == "b.invalid"
    with pytest.raises(FetchError, match="plain http"):
        policy.redirect(parsed("https://safe.invalid/debian/pool/x"), "http://b.invalid/y")
    with pytest.raises(FetchError, match="local file"):
        policy.redirect(parsed("http://deb.invalid/debian/pool/x"), "file:///etc/passwd")


def test_netrcs_passwords_are_not_sent_over_that_plain_http(
    world: Callable[..., World], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine deb.invalid login joe password hunter2\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    here = world(Config(index_deb=("http://deb.invalid/debian", "https://deb.invalid/debian")))
    roots(here)
    for scheme, sent in (("http", False), ("https", True)):
        address = parsed(f"{scheme}://deb.invalid/debian/pool/x")
        ask = not here.fetcher._policy.is_only_proven(address)
        assert (here.fetcher._logins.header(address, ask_netrc=ask) is not None) is sent


def parsed(text: str) -> Address:
    return parse(text)[0]


# apt


def test_deb822(etc: Path) -> None:
    put(
        etc,
        "# the comment of a file\n\n"
        + deb822(URIs=f"{MAIN}/ https://second.example/debian", Suites="bookworm\n bookworm-updates")
        + "# the next one\n\n\n"
        + deb822(URIs=SECURITY, Suites="bookworm-security", Check_Valid_Until="No"),
    )
    assert apt.archives(etc) == (
        Archive(MAIN, security=False, snapshot=False),
        Archive("https://second.example/debian", security=False, snapshot=False),
        Archive(SECURITY, security=True, snapshot=True),
    )


def test_one_line(etc: Path) -> None:
    put(
        etc,
        f"# deb https://commented.example/debian trixie main\n"
        f"deb-src {MAIN}-source trixie main\n"
        f"deb {MAIN}/ trixie main contrib # the main one\n"
        f"deb\t[ arch=amd64 signed-by={KEYRING} ] {SECURITY} trixie-security main\n"
        f"deb [check-valid-until=no] https://old.example/debian trixie-updates main\n"
        "deb broken\n",
        "sources.list",
    )
    put(etc, f"deb {MAIN} trixie-updates main\n", "more.list")
    put(etc, "deb https://saved.example/debian trixie-updates main\n", "more.list.save")
    assert apt.archives(etc) == (
        Archive(MAIN, security=False, snapshot=False),
        Archive(SECURITY, security=True, snapshot=False),
        Archive("https://old.example/debian", security=False, snapshot=True),
    )


@pytest.mark.parametrize(
    "said",
    [
        {"Enabled": "no"},
        {"Enabled": "False"},
        {"Types": "deb-src"},
        {"Suites": "nodistro"},
        {"Suites": "noble noble-updates"},
        {"Suites": "trixie-pgdg"},
        {"Suites": "./", "Components": ""},
        {"Components": "stable"},
        {"Components": "contrib"},
        {"URIs": "cdrom:/media"},
        {"URIs": "mirror+https://mirrors.example/debian.list"},
        {"URIs": "tor+https://deb.example/debian"},
        {"Signed-By": "/usr/share/keyrings/nodesource.gpg"},
        {"Signed-By": "/usr/share/keyrings/raspbian-archive-keyring.gpg"},
        {"Signed-By": "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQ/debian\n -----END PGP PUBLIC KEY BLOCK-----"},
    ],
)
def test_what_is_not_an_archive_of_debian_is_not_asked(etc: Path, said: dict[str, str]) -> None:
    fields = {"URIs": "https://apt.example/repository", "Suites": "trixie"} | said
    put(etc, deb822(**fields))
    assert found(etc) == []


def test_without_a_keyring_an_archive_is_debians_by_its_updates_or_else_by_its_name(etc: Path) -> None:
    other = "deb https://third.example/debian trixie main\n"
    put(etc, other, "a.list")
    assert found(etc) == ["https://third.example/debian"]
    put(etc, "deb https://raspbian.example/raspbian trixie main\n", "a.list")
    assert found(etc) == []
    # A better one makes the doubtful one needless.
    put(etc, other, "a.list")
    put(etc, "deb https://mirror.example/x stable main\ndeb https://mirror.example/x stable-updates main\n", "b.list")
    assert found(etc) == ["https://mirror.example/x"]


def test_files_that_list_mirrors_are_looked_into(etc: Path) -> None:
    listed = etc / "mirrors"
    listed.write_text(f"# ours\n{MAIN}\tpriority:1\n\nftp://old.example/debian\n")
    put(etc, deb822(URIs=f"mirror+file:{listed}", Suites="trixie trixie-updates"))
    assert found(etc) == [MAIN]
    listed.unlink()
    assert found(etc) == []


def test_a_folder_of_this_machine(etc: Path) -> None:
    put(etc, deb822(URIs="file:/srv/debian/", Suites="trixie"))
    assert found(etc) == ["file:///srv/debian"]


@pytest.mark.usefixtures("powerless")
def test_what_may_not_be_read_is_passed_over(etc: Path) -> None:
    put(etc, deb822(URIs=MAIN, Suites="trixie"))
    put(etc, deb822(URIs="https://secret.example/debian", Suites="trixie"), "secret.sources").joinpath(
        "sources.list.d", "secret.sources"
    ).chmod(0)
    assert found(etc) == [MAIN]


def test_apts_logins(etc: Path, world: Callable[..., World]) -> None:
    (etc / "auth.conf").write_text("# ours\nmachine deb.example/debian\n login joe password hunter2\n")
    (etc / "auth.conf.d" / "more.conf").write_text(
        "machine http://plain.example login a password b\nmachine https://whole.example login a password b"
    )
    joe = "Basic am9lOmh1bnRlcjI="
    assert apt.login(etc, MAIN) == joe
    assert apt.login(etc, SECURITY) is None
    assert apt.login(etc, "http://deb.example/debian") is None
    assert apt.login(etc, "https://deb.example.invalid/debian") is None
    assert apt.login(etc, "http://plain.example/debian") is None
    assert apt.login(etc, "https://whole.example/any/debian") == "Basic YTpi"
    put(etc, deb822(URIs=MAIN, Suites="trixie"))
    here = world()
    assert [root.address for root in roots(here, etc)] == [MAIN]
    assert here.fetcher._logins.header(parsed(f"{MAIN}/pool/x")) == joe
    assert here.fetcher._logins.header(parsed("https://deb.example/simple/")) is None


WORD = st.text(string.ascii_lowercase + string.digits + "-./", min_size=1, max_size=12)
NAMES = ("Types", "URIs", "Suites", "Components", "Enabled", "Signed-By", "X-Other")


@given(st.lists(st.dictionaries(st.sampled_from(NAMES), st.lists(WORD, min_size=1, max_size=4)), max_size=5))
def test_deb822_reads_what_was_written(paragraphs: list[dict[str, list[str]]]) -> None:
    text = "\n".join(
        "".join(
            f"{name}: {words[0]}\n" + "".join(f" {word}\n# why\n" for word in words[1:]) for name, words in each.items()
        )
        for each in paragraphs
    )
    wanted = [
        (address, tuple(each.get("Suites", ())), tuple(each.get("Components", ())))
        for each in paragraphs
        if "deb" in each.get("Types", ()) and " ".join(each.get("Enabled", ())) != "no"
        for address in each.get("URIs", ())
    ]
    assert [(e.address, e.suites, e.components) for e in apt.deb822(text)] == wanted


PARTS = st.tuples(
    st.dictionaries(st.sampled_from(("arch", "signed-by", "lang")), st.sampled_from(("amd64", "/a/b.gpg", "en,de"))),
    WORD,
    WORD,
    st.lists(WORD, max_size=3),
)


@given(st.lists(PARTS, max_size=5))
def test_one_line_reads_what_was_written(lines: list[tuple[dict[str, str], str, str, list[str]]]) -> None:
    text = ""
    for options, address, suite, components in lines:
        shown = " ".join(f"{name}={value}" for name, value in options.items())
        text += f"  deb {f'[ {shown} ] ' if options else ''}{address}\t{suite} {' '.join(components)} # why\n\n"
    read = [(dict(e.options), e.address, *e.suites, list(e.components)) for e in apt.one_line(text)]
    assert read == [tuple(each) for each in lines]


@given(st.text(alphabet=st.sampled_from(" \t\n#[]=:.-/debURISsutx\x00é"), max_size=200))
def test_no_text_breaks_the_parsers(text: str) -> None:
    for entry in itertools.chain(apt.one_line(text), apt.deb822(text), apt.deb822("Types: deb\n" + text)):
        assert entry.address
    for _ in apt._logins(text):
        pass
