"""Media types: what a request may send, and in which type its answer goes out.

Source: GraphQL over HTTP (September 2026); a request that accepts anything gets application/json, as the
audits of graphql-http ask.
"""

from enum import StrEnum
from functools import lru_cache


class MediaType(StrEnum):
    GRAPHQL = "application/graphql-response+json"
    JSON = "application/json"


_MAX_RANGES = 32


@lru_cache(maxsize=256)
def answer_type(accept: str) -> MediaType | None:
    """The media type of the answer; None when the client takes neither of ours."""
    if not accept.strip():
        return MediaType.JSON
    ranges = [_range(part) for part in accept.split(",")[:_MAX_RANGES]]
    qualities = {offer: _quality(offer.value, ranges) for offer in (MediaType.JSON, MediaType.GRAPHQL)}
    best = max(qualities, key=lambda offer: (qualities[offer], _is_named(offer.value, ranges)))
    return best if qualities[best] > 0 else None


@lru_cache(maxsize=256)
def is_json(content_type: str) -> bool:
    """Whether a body is JSON in UTF-8: the one kind we take, which also no HTML form can send."""
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = [value.partition("=")[2].strip("\"' ") for value in parameters if value.startswith("charset=")]
    return media_type == "application/json" and all(charset in ("utf-8", "utf8") for charset in charsets)


@lru_cache(maxsize=256)
def takes_events(accept: str) -> bool:
    """Whether a client names text/event-stream: `*/*` is no wish for a stream."""
    ranges = [_range(part) for part in accept.split(",")[:_MAX_RANGES]]
    return any(media_type == "text/event-stream" and quality > 0 for media_type, quality in ranges)


@lru_cache(maxsize=256)
def prefers_html(accept: str) -> bool:
    """Whether a browser asks, rather than a GraphQL client."""
    ranges = [_range(part) for part in accept.split(",")[:_MAX_RANGES]]
    named = {media_type for media_type, quality in ranges if quality > 0}
    return "text/html" in named and not named & {offer.value for offer in MediaType}


def _range(part: str) -> tuple[str, float]:
    media_type, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                quality = 0.0
        elif name.strip() == "charset" and value.strip("\"' ") not in ("utf-8", "utf8"):
            quality = 0.0
    return media_type, quality


def _quality(offer: str, ranges: list[tuple[str, float]]) -> float:
    """The quality of the most specific range that covers an offer (RFC 9110, 12.5.1)."""
    for wanted in (offer, "application/*", "*/*"):
        matching = [quality for media_type, quality in ranges if media_type == wanted]
        if matching:
            return max(matching)
    return 0.0


def _is_named(offer: str, ranges: list[tuple[str, float]]) -> tuple[bool, int]:
    places = [place for place, (media_type, _) in enumerate(ranges) if media_type == offer]
    return (bool(places), -min(places, default=0))
