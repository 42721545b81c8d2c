"""/calendar/<token>.ics: a feed, for calendar programmes that know nothing but its address.

The address is the only secret, so it is never logged, and what leads nowhere is answered like any path that is not.
"""

import hashlib
from collections.abc import Mapping
from time import perf_counter

import structlog
from starlette.requests import Request
from starlette.responses import Response

from membership.calendars.model import CalendarFile
from membership.calendars.service import PATH, Calendars
from membership.kernel.clock import Clock
from membership.kernel.time_limits import TimeLimit
from membership.logging import correlated
from membership.tracing.calls import OFF, Tracing
from membership.web.rates import RateLimited, Rates
from membership.web.refusals import failed, malformed, refused
from membership.web.requests import correlation_id_of
from membership.web.tracing import of_feed

log = structlog.get_logger(__name__)


class CalendarFeeds:
    """Answers GET and HEAD."""

    def __init__(
        self, calendars: Calendars, clock: Clock, *, rates: Rates, seconds: float, tracing: Tracing = OFF
    ) -> None:
        self._calendars = calendars
        self._clock = clock
        self._rates = rates
        self._seconds = seconds
        self._tracing = tracing

    async def answer(self, request: Request) -> Response:
        began = perf_counter()
        correlation_id = correlation_id_of(dict(request.scope["headers"]))
        traced = of_feed(self._tracing, request.method, PATH, correlation_id)
        with correlated(correlation_id), traced:
            response = await self._response(request, correlation_id)
            traced.tell({"http.response.status_code": response.status_code})
            log.info(
                "calendar fetched",
                correlation_id=correlation_id,
                status=response.status_code,
                duration_ms=round((perf_counter() - began) * 1000, 2),
            )
        return response

    async def _response(self, request: Request, correlation_id: str) -> Response:
        try:
            allowance = await self._rates.take_for_calendar(request.client.host if request.client else None)
            async with TimeLimit() as limit:
                limit.start(self._seconds)
                found = await self._calendars.fetch(request.path_params["token"], self._clock.now())
        except RateLimited as limited:
            return malformed(limited, correlation_id)
        except Exception as error:
            return failed(error, correlation_id)
        if found is None:
            # Without a word of the limit: any path that is not has none.
            return refused(404, correlation_id)
        response = _of(found, request.headers.get("if-none-match", ""), correlation_id)
        response.headers.update(allowance.headers)
        return response


def _of(file: CalendarFile, known: str, correlation_id: str) -> Response:
    tag = f'"{hashlib.sha256(file.content).hexdigest()[:32]}"'
    headers: Mapping[str, str] = {
        # A calendar may keep it, nobody in between; asked again, it says what it has.
        "Cache-Control": "private, no-cache",
        "ETag": tag,
        "X-Correlation-Id": correlation_id,
    }
    if _is_known(tag, known):
        return Response(status_code=304, headers=headers)
    named = {**headers, "Content-Disposition": f'inline; filename="{file.file_name}"'}
    return Response(file.content, headers=named, media_type="text/calendar; charset=utf-8")


def _is_known(tag: str, if_none_match: str) -> bool:
    """RFC 9110, 13.1.2: compared weakly."""
    given = {entry.strip().removeprefix("W/") for entry in if_none_match.split(",")}
    return tag in given or "*" in given
