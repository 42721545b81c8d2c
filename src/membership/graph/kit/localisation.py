"""Which language a request gets. Names in it are `kernel.locales.localised`."""

from functools import lru_cache

from membership.kernel.locales import DEFAULT, SUPPORTED, candidates, localised

__all__ = ["DEFAULT", "SUPPORTED", "localised", "negotiate"]

_BY_LANGUAGE = {tag.partition("-")[0]: tag for tag in SUPPORTED}
_MAX_RANGES = 16


@lru_cache(maxsize=512)
def negotiate(accept_language: str) -> str:
    """The supported locale that fits an Accept-Language header best; English when none does."""
    for wanted in _by_preference(accept_language):
        if wanted == "*":
            return DEFAULT
        if supported := _lookup(wanted):
            return supported
    return DEFAULT


def _by_preference(header: str) -> list[str]:
    ranked: list[tuple[float, int, str]] = []
    for position, part in enumerate(header.split(",")[:_MAX_RANGES]):
        tag, _, parameters = part.strip().partition(";")
        if tag and (quality := _quality(parameters)) > 0:
            ranked.append((-quality, position, tag.strip()))
    return [tag for _, _, tag in sorted(ranked)]


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def _lookup(tag: str) -> str | None:
    for candidate in candidates(tag):
        for supported in SUPPORTED:
            if supported.lower() == candidate.lower():
                return supported
    return _BY_LANGUAGE.get(tag.partition("-")[0].lower())
