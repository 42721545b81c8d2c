"""Whether and when the same request is sent again."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Retrying:
    """`attempts`: at most. A pause grows from `first_seconds`, doubled each time, up to `most_seconds`, and is taken at
    random below that, so that tills which were cut off together do not come back together. `patience_seconds`: beyond
    that no further attempt is begun; somebody stands at the till."""

    attempts: int = 6
    first_seconds: float = 0.1
    most_seconds: float = 5
    patience_seconds: float = 20

    def pause(self, attempts: int, chance: float, retry_after: float | None) -> float:
        """Seconds before the next attempt, after so many. `chance` is from 0 to 1. What the service asked for is kept,
        and a little more is added by chance."""
        backoff = chance * min(self.most_seconds, self.first_seconds * 2.0 ** (attempts - 1))
        return backoff if retry_after is None else retry_after + min(backoff, self.first_seconds)


ONCE = Retrying(attempts=1)


class Allowance:
    """What is left of the service's rate limit, as its answers tell: `RateLimit: "till";r=12;t=3` says that 12 more
    requests are taken, and in 3 seconds more again."""

    def __init__(self) -> None:
        self._not_before = 0.0

    def heed(self, header: str | None, now: float) -> None:
        remaining, seconds = _parameter(header, "r"), _parameter(header, "t")
        if remaining == 0 and seconds:
            self._not_before = max(self._not_before, now + seconds)

    def wait(self, now: float) -> float:
        """Seconds until another request is taken."""
        return max(0.0, self._not_before - now)


def seconds_of(retry_after: str | None) -> float | None:
    """Of a `Retry-After` in seconds. Its other form, a date, is of no use to a till whose clock may be wrong."""
    return float(retry_after) if retry_after is not None and retry_after.strip().isdecimal() else None


def _parameter(header: str | None, name: str) -> float | None:
    """The largest of that name over all policies listed: the last to let a request through. For `r` the smallest."""
    found = [
        float(value)
        for item in (header or "").split(",")
        for key, _, value in (part.strip().partition("=") for part in item.split(";"))
        if key == name and value.isdecimal()
    ]
    if not found:
        return None
    return min(found) if name == "r" else max(found)
