"""How full the fullest sliding window was: the judge of the limiter's tests, independent of its code."""

from collections.abc import Iterable


def fullest_window(starts: Iterable[tuple[float, int]], seconds: float) -> int:
    """The largest sum of amounts within any half-open window of this length; (time, amount) pairs."""
    ordered = sorted(starts)
    oldest, inside, fullest = 0, 0, 0
    for at, amount in ordered:
        inside += amount
        while at - ordered[oldest][0] >= seconds:
            inside -= ordered[oldest][1]
            oldest += 1
        fullest = max(fullest, inside)
    return fullest


def jain_index(shares: Iterable[float]) -> float:
    """1 where all got the same, 1/n where one got everything."""
    figures = list(shares)
    return sum(figures) ** 2 / (len(figures) * sum(figure * figure for figure in figures))
