"""Checks of the manifest's strings: values, paths, addresses."""

from __future__ import annotations

import re

from devshell.manifest.names import SHORT, SOURCES
from devshell.manifest.shape import Fault, rule, show
from devshell.manifest.template import TEMPLATE, malformed
from devshell.system import PLATFORMS

#: In bytes. Linux refuses to start any process once one variable or argument passes 128 KiB.
LONGEST = 100 * 1024

_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<host>[^/?#]*)(?P<rest>[/?].*)?", re.DOTALL)
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])"
_LOOPBACK = r"(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])"
_PORT = r"(?::[0-9]{1,5})?"
_PLACEHOLDER = r"\{(?:version|os|arch)\}"
_REST = "[A-Za-z0-9._~:/?@!$&()*+,;=%-]"
_CODENAME = r"[a-z][a-z0-9]{0,39}"
_MOVING = ("stable", "oldstable", "oldoldstable", "testing", "unstable", "experimental")
_EXACT = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}"
_ADDRESS_HINT = 'write it like "https://example.com/{version}/tool-{os}-{arch}.tar.gz"'


@rule(never=r"\x00", longest=LONGEST)
def plain(text: str) -> Fault | None:
    """Check text that goes into a variable, an argument or a script."""
    if "\0" in text:
        return Fault("this text holds a NUL character, which no variable or command can", "remove it")
    size = len(text.encode())
    if size > LONGEST:
        return Fault(
            f"this text is {size} bytes long, and no program starts with one that long",
            f"keep it under {LONGEST} bytes; put what is longer into a file",
        )
    return None


@rule(never=r"^[ \t\n\r]*$")
def filled(text: str) -> Fault | None:
    """Check that text is not blank."""
    return None if text.strip() else Fault("this text is empty", "write something, or remove the key")


@rule(pattern=TEMPLATE)
def template(text: str) -> Fault | None:
    """Check a value with `${NAME}` in it; the value itself, which may be secret, is never repeated."""
    start = malformed(text)
    if start is None:
        return None
    return Fault(
        f"the ${{ at character {start + 1} is not a reference to a variable",
        "write ${NAME} or ${NAME:-fallback}; for a plain ${ write $${",
    )


@rule(never=r"^$|^[/~]|\$\{|[\x00-\x1f\x7f-\x9f]")
def relative(text: str) -> Fault | None:
    """Check a path that counts from a folder of the project; `..` may lead out of it."""
    if not text:
        return Fault("this path is empty", "name a file or folder, or remove the entry")
    if any(c < " " or "\x7f" <= c < "\xa0" for c in text):
        return Fault(f"the path {show(text)} holds a control character", "rename it")
    if text.startswith(("/", "~")):
        return Fault(f"the path {show(text)} is not relative", "write it as seen from the project's folder")
    if "${" in text:
        return Fault(f"the path {show(text)} holds a variable, and none is replaced here", "write the path itself")
    return None


@rule(never=":")
def path_entry(text: str) -> Fault | None:
    """Check an entry of `[path]`, where a colon would make two of it."""
    if ":" not in text:
        return None
    return Fault(f"the path {show(text)} holds a colon, which parts the entries of PATH", "rename that folder")


@rule(pattern=r"[^\x00]*\.toml")
def toml_file(text: str) -> Fault | None:
    """Check that an include is named as a TOML file, and not as something secret or huge."""
    return None if text.endswith(".toml") else Fault(f"{show(text)} does not end in .toml", "rename the file")


@rule(pattern=rf"(?:[^{{}}]|{_PLACEHOLDER})*", never=r"(?:^|/)(?:\.\.)?(?:/|$)|(?:^|/)\.$|\\")
def inside(text: str) -> Fault | None:
    """Check a path in an archive: it stays within."""
    parts = text.split("/")
    if any(part in ("", "..") for part in parts) or parts[-1] == "." or "\\" in text:
        return Fault(f"the path {show(text)} does not stay within the archive", 'write it like "bin/tool"')
    return _placeholders(text, text)


@rule(words=SOURCES)
def source(text: str) -> Fault | None:
    """Check the name of a source."""
    if text in SOURCES:
        return None
    return Fault(f"{show(text)} is no source that devshell knows", f"one of: {', '.join(SOURCES)}", text, SOURCES)


@rule(pattern=_CODENAME, never=f"^(?:{'|'.join(_MOVING)})$")
def codename(text: str) -> Fault | None:
    """Check the name of a Debian suite; `stable` and the like mean another suite after each release."""
    if text in _MOVING:
        return Fault(f"{show(text)} means another suite from one year to the next", 'write its codename, as "trixie"')
    if re.fullmatch(_CODENAME, text):
        return None
    return Fault(f"{show(text)} cannot be a suite's codename", 'write it like "trixie", without -updates or -security')


@rule(words=dict.fromkeys(PLATFORMS, ""))
def platform(text: str) -> Fault | None:
    """Check the name of a platform."""
    if text in PLATFORMS:
        return None
    known = f"one of: {', '.join(PLATFORMS)}"
    return Fault(f"{show(text)} is no platform that devshell knows", known, text, PLATFORMS)


@rule(pattern=SHORT)
def word(text: str) -> Fault | None:
    """Check what `{os}` or `{arch}` becomes in an address."""
    if re.fullmatch(SHORT, text):
        return None
    return Fault(f"{show(text)} cannot stand in an address", "use letters, digits and . _ + -")


@rule(pattern=f"(?:https://{_HOST}|http://{_LOOPBACK}){_PORT}(?:[/?](?:{_REST}|{_PLACEHOLDER})*)?")
def address(text: str) -> Fault | None:
    """Check a template of where to download: https, or http to this machine itself."""
    match = _ADDRESS.fullmatch(text)
    host = re.fullmatch(f"({_HOST}){_PORT}", match["host"]) if match else None
    if match is None or host is None:
        # A login before the host would be a secret in a shared file, and can pass a host off as another.
        # Not shown: it may hold a login, or a token.
        return Fault("this is not an address to download from", _ADDRESS_HINT)
    if match["scheme"] != "https" and not (match["scheme"] == "http" and re.fullmatch(_LOOPBACK, host[1])):
        return Fault(f"{show(text)} is not a secure address", "use https://; http:// may only lead to this machine")
    rest = match["rest"] or ""
    if not re.fullmatch(f"(?:{_REST}|[{{}}])*", rest):
        return Fault(f"{show(text)} holds characters that an address cannot", "write them as %XX")
    return _placeholders(rest, text)


def _placeholders(part: str, text: str) -> Fault | None:
    if any(c in "{}" for c in re.sub(_PLACEHOLDER, "", part)):
        return Fault(f"{show(text)} holds a placeholder that is not known", "known: {version}, {os}, {arch}")
    return None


@rule(pattern=_EXACT, never=r"\.\.|^latest$")
def exact(text: str) -> Fault | None:
    """Check the version of an `http` tool, of which there is only the one that its address leads to."""
    if re.fullmatch(_EXACT, text) and ".." not in text and text != "latest":
        return None
    return Fault(f"{show(text)} is not one exact version", 'a tool from `http` needs one, such as "1.4.2"')
