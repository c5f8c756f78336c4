"""A token bucket: how much of something there may be now. Pure: `now` is an argument."""

from __future__ import annotations


class Bucket:
    """Tokens that come at `rate` a second, at most `burst` of them; full at first."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, burst
        self._tokens = burst
        self._filled_s = float("-inf")

    def level(self, now: float) -> float:
        """Tokens there are; below 0 after more was taken than there was."""
        if now > self._filled_s:
            self._tokens = min(self.burst, self._tokens + self.rate * (now - self._filled_s))
            self._filled_s = now
        return self._tokens

    def take(self, tokens: float, now: float) -> None:
        """Take so many, whether or not they are there: what is missing is waited for later."""
        self._tokens = self.level(now) - tokens

    def allows(self, tokens: float, now: float) -> bool:
        """Whether there are so many; if so they are taken."""
        if self.level(now) < tokens:
            return False
        self._tokens -= tokens
        return True

    def wait_s(self, tokens: float, now: float) -> float:
        """Seconds until there are `tokens`; infinite where there never are."""
        missing = tokens - self.level(now)
        if missing <= 0:
            return 0.0
        return missing / self.rate if self.rate > 0 and tokens <= self.burst else float("inf")
