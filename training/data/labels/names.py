"""Names compared however they are spelled."""

from __future__ import annotations

import re


def plain(name: str) -> str:
    """Letters and digits of a name in lower case: cq500ct12 for CQ500-CT-12."""
    return re.sub(r"[\W_]+", "", name).casefold()
