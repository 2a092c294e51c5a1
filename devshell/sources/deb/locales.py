"""Locales: whatever UTF-8 locale the user has, the tree's programs find one.

Debian makes locales on the machine, as root, from sources of 17 MB. A closure has but the one that
libc-bin brings ready, C.UTF-8. Each language's name leads to it: `LANG=de_AT.UTF-8` then gives UTF-8,
as it must, while messages, sorting and formats are C's. glibc falls back from `de_AT.UTF-8` to
`de.utf8`, so that no country needs to be known (locale names: the manual of glibc, "Locale Names").
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_FOLDER = "usr/lib/locale"
_ONE = "C.utf8"
#: Of localedata/SUPPORTED in glibc 2.41.
_LANGUAGES = """
aa ab af agr ak am an anp ar as ast ayc az be bem ber bg bhb bho bi bn bo br brx bs byn ca ce chr ckb cmn
crh cs csb cv cy da de doi dsb dv dz el en eo es et eu fa ff fi fil fo fr fur fy ga gbm gd gez gl gu gv ha
hak he hi hif hne hr hsb ht hu hy ia id ig ik is it iu ja ka kab kk kl km kn ko kok ks ku kv kw ky lb lg li
lij ln lo lt ltg lv lzh mag mai mfe mg mhr mi miq mjw mk ml mn mni mnw mr ms mt my nan nb nds ne nhn niu nl
nn nr nso oc om or os pa pap pl ps pt quz raj rif ro ru rw sa sah sat sc scn sd se sgs shn shs si sid sk sl
sm so sq sr ss ssy st su sv sw syr szl ta tcy te tg th the ti tig tk tl tn to tok tpi tr ts tt ug uk unm ur
uz ve vi wa wae wal wo xh yi yo yue yuw zgh zh zu
"""


def link(tree: Path) -> None:
    """Make the links, where the tree has the locale they lead to."""
    # A package may bring a link for any folder on the way.
    if (
        os.path.realpath(tree / _FOLDER / _ONE) == os.path.join(os.path.realpath(tree), _FOLDER, _ONE)
        and (tree / _FOLDER / _ONE).is_dir()
    ):
        for language in _LANGUAGES.split():
            path = tree / _FOLDER / f"{language}.utf8"
            if not os.path.lexists(path):
                path.symlink_to(_ONE)
