"""What is tried on the launcher: every sh there is, and plans and variables as odd as they come."""

from __future__ import annotations

import shutil

from hypothesis import strategies as st

#: Every sh that this machine has; the launcher's own first line takes `/bin/sh`.
SHELLS = {
    name: argv and (found, *argv[1:])
    for name, argv in {
        "sh": (),
        "dash": ("dash",),
        "bash": ("bash", "--posix"),
        "busybox": ("busybox", "ash"),
        "mksh": ("mksh",),
    }.items()
    if (found := shutil.which(argv[0] if argv else "sh"))
}

names = st.sampled_from(["A", "B", "C", "LIBS", "_x", "lower", "MANPATH"])
values = st.one_of(
    st.sampled_from(["", "x", "y", "${A}", "a b\n'\"", "é", "\udcff\udc80", "*", "~", "-n", "\\", "$(exit 9)", ")"]),
    st.binary(max_size=12).map(lambda raw: raw.replace(b"\0", b"").decode("utf-8", "surrogateescape")),
)
entries = st.sampled_from(["/e1", "/e2", "/e3", "relative", "/a b", "/\udcff", "/*", "/~", "/100%", "/a'b\\"])
paths = st.lists(st.one_of(entries, st.just("")), min_size=1, max_size=8).map(":".join)
references = st.sampled_from(
    ["${A}", "${B:-w}", "${B:-${C}}", "${project}", "$${A}", "$", "}", "${", "${A:-", "${PATH}", "${DEVSHELL_ROOT}"]
)
templates = st.lists(st.one_of(values, references), max_size=4).map("".join)
operations = st.one_of(
    st.tuples(st.sampled_from(["set", "default", "extend"]), names, templates),
    st.tuples(st.just("literal"), names, values),
    st.tuples(st.just("unset"), names),
    st.tuples(st.just("prepend"), names, templates, templates),
    st.lists(entries, max_size=4).map(lambda some: ("path", *some)),
)
plans = st.lists(operations, max_size=8).map(tuple)
# bash looks at characters where there are some, dash at bytes.
locales = st.sampled_from([{}, {"LC_ALL": "C.UTF-8"}])
variables = st.tuples(st.dictionaries(names, values), locales).map(lambda made: {**made[0], **made[1]})
#: What a stranger may have put there: each of the marks that leaving reads.
hostile = st.dictionaries(
    st.sampled_from(
        [
            *(
                "DEVSHELL_ROOT",
                "DEVSHELL_ENV",
                "DEVSHELL_PROMPT",
                "DEVSHELL_ENTERED",
                "DEVSHELL_PATH",
                "DEVSHELL_NAMES",
            ),
            *("DEVSHELL_OLD_A", "DEVSHELL_NEW_A", "DEVSHELL_OLD_IFS", "DEVSHELL_NEW_B", "DEVSHELL_OLD_PATH"),
        ]
    ),
    st.one_of(
        values,
        paths,
        st.lists(
            st.sampled_from(
                ["A", "B", "", "IFS", "PATH", "LIBS", "DEVSHELL_ROOT", "a-b", "1", "A;exit", "$(exit)", "é"]
            )
        ).map(" ".join),
    ),
)
