"""What a machine is asked for; the answers of unusual machines are put into the standard library's mouth."""

from __future__ import annotations

import os
import platform
import sys

import pytest

from devshell import system
from devshell.errors import DevshellError


@pytest.mark.parametrize(
    ("name", "machine", "expected"),
    [
        ("linux", "x86_64", "linux-x86_64"),
        ("linux", "aarch64", "linux-aarch64"),
        ("linux", "arm64", "linux-aarch64"),
        ("darwin", "arm64", "darwin-arm64"),
        ("darwin", "x86_64", "darwin-x86_64"),
    ],
)
def test_platforms_have_one_name_each(monkeypatch: pytest.MonkeyPatch, name: str, machine: str, expected: str) -> None:
    monkeypatch.setattr(sys, "platform", name)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(os, "confstr", lambda _: "glibc 2.36")
    assert system.host_platform() == expected
    assert expected in system.PLATFORMS


@pytest.mark.parametrize("answer", [None, "", "musl 1.2"])
def test_musl_gets_a_clear_word(monkeypatch: pytest.MonkeyPatch, answer: str | None) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(os, "confstr", lambda _: answer)
    with pytest.raises(DevshellError, match="musl") as caught:
        system.host_platform()
    assert "2.28" in (caught.value.hint or "")


def test_an_unknown_machine_gets_a_clear_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(DevshellError, match="riscv64"):
        system.host_platform()


def test_under_sudo_the_callers_files_are_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("SUDO_UID", "1234")
    assert system.own_uids() == {0, 1234}
    monkeypatch.setenv("SUDO_UID", "-1")
    assert system.own_uids() == {0}
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("SUDO_UID", "1234")
    assert system.own_uids() == {1000}
