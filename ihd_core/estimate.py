"""A number with its uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist


@dataclass(frozen=True, slots=True)
class Estimate:
    """A statistic with its interval.

    Attributes:
        value: the point estimate.
        low: lower limit of the interval.
        high: upper limit of the interval.
        level: confidence level of the interval, 0..1.
        method: how the interval was made: "wilson".
    """

    value: float
    low: float
    high: float
    level: float
    method: str


def wilson(successes: int, trials: int, *, level: float = 0.95) -> Estimate:
    """A proportion with Wilson's score interval, without continuity correction.

    Args:
        successes: 0..trials.
        trials: at least 1.
        level: confidence level.

    Raises:
        ValueError: no trials, or successes out of range.

    Source:
        Wilson, JASA 22 (1927) 209-212.
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f"successes is {successes} of {trials} trials, need 0 <= successes <= trials and a trial")
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = successes / trials
    shrunk = 1 + z * z / trials
    middle = (share + z * z / (2 * trials)) / shrunk
    half = z / shrunk * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    low = 0.0 if successes == 0 else max(0.0, middle - half)
    high = 1.0 if successes == trials else min(1.0, middle + half)
    return Estimate(share, low, high, level, "wilson")
