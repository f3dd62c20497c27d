"""Memory that is freed and asked for again at every step: kept by the process instead of given back."""

from __future__ import annotations

import ctypes
import sys

# Of mallopt, as malloc.h of glibc names and numbers them.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_NEVER, _AHEAD = 2**31 - 1, 2**28


def keep_freed_memory() -> bool:
    """Let the process keep what it frees, until it ends; return whether the system does so.

    The maps of a batch are tens of megabytes each. glibc takes such arrays fresh from the system, which clears every
    page of them, and gives them back at once: a third of a training step on a CPU. Elsewhere nothing is changed.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # another C library
        return False
    wanted = ((_TRIM_THRESHOLD, _NEVER), (_TOP_PAD, _AHEAD), (_MMAP_MAX, 0))
    return all(mallopt(name, value) == 1 for name, value in wanted)
