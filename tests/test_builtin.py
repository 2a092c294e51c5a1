"""Built-in texts of programs, redirected: small programs for both processors."""

from __future__ import annotations

import contextlib
import platform
import struct
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devshell.errors import StoreError
from devshell.store import fixups
from devshell.store.builtin import TOOL_LENGTH, fill, redirect

if TYPE_CHECKING:
    from pathlib import Path

BASE = 0x400000
X86_64, AARCH64 = 62, 183
OLD = b"/etc/tool.conf"


def elf(machine: int, code: bytes, data: bytes, *, room: int = 4096, code_at: int = 0x100) -> bytes:
    """Return a program of one segment: its header, then code, then data; behind it `room`, then one to write to."""
    end = code_at + len(code) + len(data)
    last = end + room
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, machine, 1, BASE + code_at, 64, 0, 0, 64, 56, 2, 0, 0, 0
    )
    segments = struct.pack("<IIQQQQQQ", 1, 5, 0, BASE, BASE, end, end, 0x1000)
    address = (BASE + last + 0x1FFF) & ~0xFFF | last & 0xFFF
    segments += struct.pack("<IIQQQQQQ", 1, 6, last, address, address, 8, 16, 0x1000)
    return (header + segments).ljust(code_at, b"\0") + code + data + bytes(room) + b"writable"


def printing(text: bytes, length: int) -> bytes:
    """Return a program for x86-64 that prints so many bytes at `text`."""
    code = b"\xb8\x01\0\0\0" + b"\xbf\x01\0\0\0"  # mov eax, 1 (write); mov edi, 1
    rest = b"\xba" + struct.pack("<I", length) + b"\x0f\x05" + b"\xb8\x3c\0\0\0" + b"\x31\xff" + b"\x0f\x05"
    # lea rsi, [rip + what follows it]
    code += b"\x48\x8d\x35" + struct.pack("<i", len(rest)) + rest
    return elf(X86_64, code, text + b"\0")


def run(content: bytes, folder: Path) -> bytes:
    program = folder / "program"
    program.write_bytes(content)
    program.chmod(0o755)
    return subprocess.run([str(program)], capture_output=True, check=True).stdout


x86_64_only = pytest.mark.skipif(platform.machine() != "x86_64", reason="runs programs for x86-64")


@x86_64_only
def test_a_program_uses_the_longer_text(tmp_path: Path) -> None:
    new = b"/store/" + b"x" * 300 + b"/tool.conf"
    content = printing(OLD, len(new))
    assert run(content, tmp_path).startswith(OLD)
    assert run(redirect(content, OLD, new), tmp_path) == new


@x86_64_only
def test_it_can_be_done_again_and_with_another_text(tmp_path: Path) -> None:
    content = redirect(printing(OLD, 12), OLD, b"/first/place")
    assert run(redirect(content, b"/first/place", b"/other/place"), tmp_path) == b"/other/place"


def adrp(here: int, target: int, register: int) -> bytes:
    pages = (target >> 12) - (here >> 12)
    return struct.pack("<I", 0x90000000 | (pages & 3) << 29 | (pages >> 2 & 0x7FFFF) << 5 | register)


def add(target: int, into: int, register: int) -> bytes:
    return struct.pack("<I", 0x91000000 | (target & 0xFFF) << 10 | register << 5 | into)


def taken(content: bytes, offset: int, register: int) -> int:
    """Return the address that the two instructions at an offset put into a register."""
    values: dict[int, int] = {}
    for at in range(offset, offset + 16, 4):
        (word,) = struct.unpack_from("<I", content, at)
        number = (word >> 5 & 0x7FFFF) << 2 | word >> 29 & 3
        number -= (number & 1 << 20) << 1
        if word & 0x9F000000 == 0x90000000:
            values[word & 31] = (BASE + at & ~0xFFF) + (number << 12)
        elif word & 0x9F000000 == 0x10000000:
            values[word & 31] = BASE + at + number
        elif word & 0xFFC00000 == 0x91000000:
            values[word & 31] = values[word >> 5 & 31] + (word >> 10 & 0xFFF)
    return values[register]


NOP, MOV_X0_X19 = struct.pack("<I", 0xD503201F), struct.pack("<I", 0xAA1303E0)
STP_X19_X20 = struct.pack("<I", 0xA90153F3)  # to [sp, 16]: a number that is no register's
CODE_AT = 0x100


def arm(code_size: int, registers: tuple[int, int], between: bytes = b"", behind: bytes = NOP) -> bytes:
    """Return a program for AArch64 whose code takes the address of OLD, which stands `code_size` further on."""
    page, into = registers
    target = BASE + CODE_AT + code_size
    code = adrp(BASE + CODE_AT, target, page) + between + add(target, into, page) + behind
    return elf(AARCH64, code + NOP * ((code_size - len(code)) // 4), OLD + b"\0")


@pytest.mark.parametrize(
    ("code_size", "registers", "between"),
    [
        (64, (0, 0), b""),
        (64, (3, 1), b""),
        (64, (1, 1), MOV_X0_X19),
        (2 << 20, (0, 0), b""),
        (2 << 20, (1, 1), MOV_X0_X19),
        (2 << 20, (1, 1), STP_X19_X20),
    ],
)
def test_on_arm_the_address_is_of_the_new_text(code_size: int, registers: tuple[int, int], between: bytes) -> None:
    content = arm(code_size, registers, between)
    before = taken(content, CODE_AT, registers[1]) - BASE
    assert content[before:].startswith(OLD + b"\0")
    new = b"/store/" + b"y" * 300
    changed = redirect(content, OLD, new)
    after = taken(changed, CODE_AT, registers[1]) - BASE
    assert changed[after:].startswith(new + b"\0")


@pytest.mark.parametrize(
    ("registers", "between", "behind"),
    [
        ((3, 1), b"", NOP),  # the page stays in its register, for whom it may serve
        ((0, 0), MOV_X0_X19, NOP),  # what stands between has to do with it
        ((20, 20), STP_X19_X20, NOP),
        ((19, 1), b"", struct.pack("<I", 0x94000010)),  # a call keeps this register
    ],
)
def test_on_arm_a_page_that_may_serve_others_stays(registers: tuple[int, int], between: bytes, behind: bytes) -> None:
    with pytest.raises(StoreError, match="too far"):
        redirect(arm(2 << 20, registers, between, behind), OLD, b"/store/x")
    # Near by, it need not be changed.
    redirect(arm(64, registers, between, behind), OLD, b"/store/x")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"#!/bin/sh\n" + OLD, "no ELF file"),
        (printing(b"/etc/other", 5), "does not have it"),
        (elf(X86_64, b"\x90" * 8, OLD + b"\0"), "in a way that is known"),
        (elf(40, b"\x90" * 8, OLD + b"\0"), "another processor"),
        (printing(OLD, 5)[:300], "not whole"),
        (printing(OLD, 5)[:60], "program"),
    ],
)
def test_what_does_not_fit_is_said(content: bytes, reason: str) -> None:
    with pytest.raises(StoreError, match=reason):
        redirect(content, OLD, b"/store/x")


@x86_64_only
def test_room_that_patchelf_left_will_do(tmp_path: Path) -> None:
    new = b"/store/" + b"x" * 50
    content = printing(OLD + b"\0" + b"Z" * (len(new) + 1), len(new))
    changed = redirect(content, OLD, new)
    assert run(changed, tmp_path) == new
    assert len(changed) == len(content)
    assert b"Z" not in changed


def test_without_room_nothing_is_overwritten() -> None:
    code = b"\x48\x8d\x35\x00\0\0\0"
    with pytest.raises(StoreError, match="no room"):
        redirect(elf(X86_64, code, OLD + b"\0", room=8), OLD, b"/store/longer/than/that")
    content = bytearray(elf(X86_64, code, OLD + b"\0", room=64))
    content[CODE_AT + len(code) + len(OLD) + 3] = 1
    with pytest.raises(StoreError, match="no room"):
        redirect(bytes(content), OLD, b"/store/longer")


@given(st.binary(max_size=400), st.integers(min_value=0, max_value=400))
def test_hostile_files_end_in_an_error(noise: bytes, at: int) -> None:
    content = bytearray(printing(OLD, 5))
    content[at : at + len(noise)] = noise
    with contextlib.suppress(StoreError):
        redirect(bytes(content), OLD, b"/store/x")


def test_two_stores_give_files_of_one_layout(tmp_path: Path) -> None:
    contents = []
    for final in (tmp_path / "s" / "x", tmp_path / ("long" * 20) / "x"):
        tree = tmp_path / "tree"
        tree.mkdir(exist_ok=True)
        (tree / "program").write_bytes(printing(OLD, 5))
        (tree / "link").unlink(missing_ok=True)
        (tree / "link").symlink_to("program")
        (tree / "text").write_bytes(OLD)
        fixup = {"kind": "builtin", "path": "*", "old": OLD.decode(), "new": "${tool}/etc:/etc"}
        fixups.apply(tree, [fixup], final)
        content = (tree / "program").read_bytes()
        path = str(final).encode()
        assert (b"/" * (TOOL_LENGTH - len(path)) + path + b"/etc:/etc\0") in content
        assert (tree / "text").read_bytes() == OLD
        contents.append(content.replace(path.rjust(TOOL_LENGTH, b"/"), b"@"))
    assert contents[0] == contents[1]


def test_a_text_that_no_file_has_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "program").write_bytes(printing(b"/other", 5))
    with pytest.raises(StoreError, match="does not have"):
        fixups.apply(tmp_path, [{"kind": "builtin", "path": "program", "old": "/x", "new": "/y"}], tmp_path)


def test_a_store_whose_path_is_too_long_is_said() -> None:
    with pytest.raises(StoreError, match="too long"):
        fill("${tool}/x", "/" + "x" * TOOL_LENGTH)
