"""How long-running work reports progress and learns that it should stop."""

from collections.abc import Callable

Report = Callable[[int, int], None]
"""Called as report(done, total). May raise Cancelled to stop the work."""


def silent(done: int, total: int) -> None:
    """Report to nobody."""
