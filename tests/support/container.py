"""Being root as in a container: with few of root's powers, and no user namespaces.

python container.py COMMAND [ARGUMENT…]
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys

#: What Docker leaves to root, by number in capabilities(7): chown, dac_override, fowner, fsetid, kill, setgid, setuid,
#: setpcap, net_bind_service, net_raw, sys_chroot, mknod, audit_write, setfcap.
_KEPT = frozenset({0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31})
#: prctl(2)
_PR_SET_SECCOMP = 22
_PR_CAPBSET_DROP = 24
_SECCOMP_MODE_FILTER = 2
#: The number of unshare(2), which is what Docker's filter refuses too.
_UNSHARE = {"x86_64": 272, "aarch64": 97}
#: seccomp(2), linux/filter.h
_LOAD_NUMBER, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050001


class _Step(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("word", ctypes.c_uint32))


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("steps", ctypes.POINTER(_Step)))


def enter() -> None:
    """Give up, for this process and all it starts, what a container does not have. Needs root."""
    libc = ctypes.CDLL(None, use_errno=True)
    steps = (_Step * 4)(
        _Step(_LOAD_NUMBER, 0, 0, 0),
        _Step(_JUMP_IF_EQUAL, 0, 1, _UNSHARE[platform.machine()]),
        _Step(_RETURN, 0, 0, _REFUSE),
        _Step(_RETURN, 0, 0, _ALLOW),
    )
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(_Filter(4, steps)), 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")
    number = 0
    # The kernel answers with an error at the first number it has no power for.
    while number in _KEPT or libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0) == 0:
        number += 1


if __name__ == "__main__":
    enter()
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - a command of the tests
