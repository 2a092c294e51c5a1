"""Languages and ImageMagick from Debian, as people use them, with what docs/isolation.md states of the host alone."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from support.installed import Installed, install

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.network

#: No tree has it; it must give UTF-8 all the same, without a warning.
_UTF8 = "en_US.UTF-8"


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(
        {"imagemagick": "7", "openjdk": "21", "perl": "5", "ruby": "3.3", "php": "8.4", "deb:python3.13": "*"},
        tmp_path_factory,
    )


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install({"imagemagick": "6", "openjdk": "17", "ruby": "3.1", "php": "8.2"}, tmp_path_factory)


def test_imagemagick_draws_text_and_converts(tools: Installed, tmp_path: Path) -> None:
    drawing = ["-size", "200x60", "xc:white", "-font", "DejaVu-Sans", "-pointsize", "30", "-annotate", "+5+40"]
    assert tools.run(["convert", *drawing, "hé", "a.png"], tmp_path, LANG=_UTF8) == ""
    assert tools.run(["magick", *drawing, "", "empty.png"], tmp_path) == ""
    assert tools.run(["magick", "a.png", "a.jpg"], tmp_path) == ""
    said = tools.run(["identify", "-format", "%m %wx%h %k\n", "a.png", "a.jpg", "empty.png"], tmp_path)
    png, jpeg, empty = (line.split() for line in said.splitlines())
    assert (png[0], jpeg[0], jpeg[1]) == ("PNG", "JPEG", "200x60")
    assert int(png[2]) > 1 == int(empty[2]), "letters have more than one colour"


@pytest.mark.parametrize("kind", ["webp", "tiff", "gif"])
def test_imagemagick_reads_what_it_writes(tools: Installed, tmp_path: Path, kind: str) -> None:
    tools.run(["convert", "rose:", f"a.{kind}"], tmp_path)
    assert kind.upper() in tools.run(["identify", f"a.{kind}"], tmp_path)


def test_imagemagick_knows_its_fonts_and_the_machines_policy(tools: Installed, tmp_path: Path) -> None:
    assert "DejaVu-Sans" in tools.run(["convert", "-list", "font"], tmp_path)
    assert "1024MiB" in tools.run(["convert", "-list", "policy"], tmp_path)


_JAVA = """
import java.security.KeyStore;
import javax.net.ssl.*;

public class Hello {
    public static void main(String[] arguments) throws Exception {
        var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init((KeyStore) null);
        var authorities = ((X509TrustManager) trust.getTrustManagers()[0]).getAcceptedIssuers().length;
        var then = java.time.Instant.EPOCH.atZone(java.time.ZoneId.systemDefault());
        System.out.println("héllo " + then + " " + (authorities > 100));
    }
}
"""


def test_java_compiles_and_runs(tools: Installed, tmp_path: Path) -> None:
    (tmp_path / "Hello.java").write_text(_JAVA, encoding="utf-8")
    assert tools.run(["javac", "Hello.java"], tmp_path, LANG=_UTF8) == ""
    said = tools.run(["java", "Hello"], tmp_path, LANG=_UTF8, TZ="Europe/Berlin")
    assert said == "héllo 1970-01-01T01:00+01:00[Europe/Berlin] true\n"
    tools.run(["jar", "--create", "--file", "hello.jar", "--main-class", "Hello", "Hello.class"], tmp_path)
    assert "llo 1970" in tools.run(["java", "-jar", "hello.jar"], tmp_path)
    home = tools.variables["JAVA_HOME"]
    assert tools.run([f"{home}/bin/java", "--version"], tmp_path).startswith("openjdk 21")


def test_javas_certificates_open_with_the_usual_password(tools: Installed, tmp_path: Path) -> None:
    said = tools.run(["keytool", "-list", "-cacerts", "-storepass", "changeit"], tmp_path)
    assert "trustedCertEntry" in said


def test_perl_has_its_modules_and_no_warnings(tools: Installed, tmp_path: Path) -> None:
    program = """
        use strict; use warnings; use utf8; use open ':std', ':encoding(UTF-8)';
        use List::Util 'sum'; use POSIX; use Encode; use Storable; use DB_File; use Time::Piece; use Digest::SHA;
        print sum(1 .. 4), uc 'é', strftime(' %H %Z', localtime 0), "\\n";
    """
    assert tools.run(["perl", "-e", program], tmp_path, LANG=_UTF8, TZ="Europe/Berlin") == "10É 01 CET\n"


def test_perl_proves_tests_in_perls_of_its_own(tools: Installed, tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "one.t").write_text(
        "use Test::More; use Own; is(Own::answer(), 42); is(system($^X, '-MPOSIX', '-e', 'exit 0'), 0); done_testing;"
    )
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "Own.pm").write_text("package Own; sub answer { 42 } 1;")
    assert "Result: PASS" in tools.run(["prove", "-l"], tmp_path, LANG=_UTF8)
    assert tools.run(["perl", "-MOwn", "-e", "print Own::answer"], tmp_path, PERL5LIB=str(tmp_path / "lib")) == "42"
    assert tools.run(["perl", "-MConfig", "-e", "print $Config{useithreads}"], tmp_path) == "define"


_RUBY = """
require "json"; require "openssl"; require "yaml"; require "zlib"; require "bigdecimal"; require "readline"
raise $:.join(":") unless $:.all? { |one| one.start_with?(ARGV[0]) }
raise ENV["RUBYLIB"] unless ENV["RUBYLIB"] == "/own"
again = IO.popen([RbConfig.ruby, "-rjson", "-e", "print RUBY_VERSION"], &:read)
puts Encoding.default_external, "é".upcase, Time.at(0).hour, again == RUBY_VERSION
puts OpenSSL::X509::Certificate.load_file(ENV["SSL_CERT_FILE"]).size > 100
"""


def test_ruby_finds_its_library_and_tells_no_other_ruby(tools: Installed, tmp_path: Path) -> None:
    (tmp_path / "a.rb").write_text(_RUBY.replace("$:.all?", "($: - ['/own']).all?"), encoding="utf-8")
    store = os.path.realpath(tools.store)
    said = tools.run(["ruby", "a.rb", store], tmp_path, LANG=_UTF8, TZ="Europe/Berlin", RUBYLIB="/own")
    assert said.split() == ["UTF-8", "É", "1", "true", "true"]


def test_gems_go_to_the_users_home(tools: Installed, tmp_path: Path) -> None:
    (tmp_path / "own.gemspec").write_text(
        'Gem::Specification.new { |s| s.name = "own"; s.version = "1.2"; s.summary = "own"; s.authors = ["me"];'
        ' s.files = ["lib/own.rb"] }'
    )
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "own.rb").write_text("OWN = 42")
    tools.run(["gem", "build", "own.gemspec"], tmp_path, LANG=_UTF8)
    tools.run(["gem", "install", "--local", "--no-document", "own-1.2.gem"], tmp_path, LANG=_UTF8)
    assert (tmp_path / ".local/share/gem/ruby/3.3.0/gems/own-1.2/lib/own.rb").is_file()
    assert tools.run(["ruby", "-rown", "-e", "print OWN"], tmp_path) == "42"
    (tmp_path / "Gemfile").write_text('gem "own"\ngem "rake"\n')
    said = tools.run(["bundle", "exec", "ruby", "-e", "require 'own'; print OWN"], tmp_path, LANG=_UTF8)
    assert said.endswith("42")


def test_rubys_programs_are_there(tools: Installed, tmp_path: Path) -> None:
    said = tools.run(["irb", "-f", "--noreadline", "--noprompt"], tmp_path, text="puts 6 * 7\n", LANG=_UTF8)
    assert "42" in said.split()
    (tmp_path / "Rakefile").write_text("task(:default) { ruby '-e', 'print 6 * 7' }")
    assert "42" in tools.run(["rake", "--quiet"], tmp_path)


_PHP = """<?php
echo mb_strtoupper("é"), json_encode([1]), " ";
echo (new PDO("sqlite::memory:"))->query("select 40 + 2")->fetchColumn(), " ";
echo (new DateTime("@0"))->setTimezone(new DateTimeZone("Europe/Berlin"))->format("H T"), " ";
echo (new NumberFormatter("de_DE", NumberFormatter::DECIMAL))->format(1234.5), " ";
echo basename(php_ini_loaded_file()), " ", simplexml_load_string("<a>b</a>"), " ";
echo is_file(ini_get("openssl.cafile")), " ";
$again = proc_open([PHP_BINARY, "-r", 'echo extension_loaded("curl");'], [1 => ["pipe", "w"]], $pipes);
echo stream_get_contents($pipes[1]), "\n";
"""


def test_php_has_its_extensions_and_settings(tools: Installed, tmp_path: Path) -> None:
    (tmp_path / "a.php").write_text(_PHP, encoding="utf-8")
    said = tools.run(["php", "a.php"], tmp_path, LANG=_UTF8)
    assert said == "É[1] 42 01 CET 1.234,5 php.ini b 1 1\n"
    (tmp_path / "own.ini").write_text("memory_limit = 77M\n")
    own = tools.run(["php", "-r", "echo ini_get('memory_limit');"], tmp_path, PHP_INI_SCAN_DIR=f":{tmp_path}")
    assert own == "77M"


_PYTHON = """
import bz2, ctypes, curses, lzma, readline, sqlite3, ssl, time, zoneinfo
print(len(ssl.create_default_context().get_ca_certs()) > 100, time.strftime("%H %Z", time.localtime(0)), "é".upper())
print(zoneinfo.ZoneInfo("America/Lima"), sqlite3.connect(":memory:").execute("select 42").fetchone()[0])
"""


def test_python_has_its_library(tools: Installed, tmp_path: Path) -> None:
    said = tools.run(["python3.13", "-c", _PYTHON], tmp_path, LANG=_UTF8, TZ="Europe/Berlin")
    assert said == "True 01 CET É\nAmerica/Lima 42\n"


def test_python_makes_virtual_environments(tools: Installed, tmp_path: Path) -> None:
    tools.run(["python3.13", "-m", "venv", "--without-pip", "own"], tmp_path, LANG=_UTF8)
    said = tools.run([str(tmp_path / "own/bin/python"), "-c", f"import sys; print(sys.prefix){_PYTHON}"], tmp_path)
    assert said.splitlines()[0] == str(tmp_path / "own")


def test_uv_makes_virtual_environments_on_it(tools: Installed, tmp_path: Path) -> None:
    from uv import find_uv_bin

    env = tools.env(tmp_path, UV_OFFLINE="1", UV_CACHE_DIR=str(tmp_path / "cache"))
    made = [find_uv_bin(), "venv", "--python", str(tools.bin / "python3.13"), "own"]
    subprocess.run(made, cwd=tmp_path, env=env, check=True, capture_output=True)
    said = tools.run([str(tmp_path / "own/bin/python"), "-c", _PYTHON], tmp_path)
    assert said.startswith("True ")


def test_older_ones_work_as_well(older: Installed, tmp_path: Path) -> None:
    (tmp_path / "Hello.java").write_text(_JAVA.replace("é", "e"), encoding="utf-8")
    older.run(["javac", "Hello.java"], tmp_path)
    assert older.run(["java", "Hello"], tmp_path, TZ="Europe/Berlin").endswith("+01:00[Europe/Berlin] true\n")
    (tmp_path / "a.php").write_text(_PHP, encoding="utf-8")
    assert older.run(["php", "a.php"], tmp_path).endswith(" php.ini b 1 1\n")
    (tmp_path / "a.rb").write_text(_RUBY.replace("$:.all?", "($: - ['/own']).all?"), encoding="utf-8")
    said = older.run(["ruby", "a.rb", os.path.realpath(older.store)], tmp_path, LANG=_UTF8, RUBYLIB="/own")
    assert said.split()[-2:] == ["true", "true"]
    older.run(["convert", "rose:", "a.jpg"], tmp_path)
    assert "JPEG" in older.run(["identify", "a.jpg"], tmp_path)


def test_nothing_was_written_into_the_store(tools: Installed, tmp_path: Path) -> None:
    tools.run(["perl", "-e", "use POSIX"], tmp_path)
    tools.run(["ruby", "-e", "require 'json'"], tmp_path)
    tools.run(["python3.13", "-c", "import json"], tmp_path)
    tools.place.run("store", "verify").ok()
