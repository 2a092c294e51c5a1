"""Templates: the values of `[env]` and of dotenv files, in which `${NAME}` stands for a variable.

`${` NAME [`:-` word without `}`] `}` is replaced at activation, `$${` is a literal `${`, and any other
`$` is itself. NAME `project` is the project's folder. `devshell.environ` expands what is checked here.
"""

from __future__ import annotations

import re

_REFERENCE = r"\$\{[A-Za-z_][A-Za-z0-9_]*(?::-[^}]*)?\}"
_OPENING = re.compile(rf"(?P<literal>\$\$\{{)|(?P<reference>{_REFERENCE})|\$\{{")
#: The pattern of a text in which nothing is malformed, for editors. Of several `$` before a `{`, the last two
#: make it literal.
TEMPLATE = rf"(?:[^$]|{_REFERENCE}|\$\$+\{{|\$+[^${{])*\$*"


def malformed(text: str) -> int | None:
    """Return where, in characters from 0, a `${` begins that is no reference, or None where there is none."""
    for match in _OPENING.finditer(text):
        if match.lastgroup is None:
            return match.start()
    return None


def lenient(text: str) -> str:
    """Return `text` as a template in which every malformed `${` is literal, as dotenv readers have it."""
    return _OPENING.sub(lambda match: match[0] if match.lastgroup else "$" + match[0], text)
