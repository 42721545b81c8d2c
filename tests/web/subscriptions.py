"""Fields to subscribe to that only tests have."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from enum import Enum

import strawberry

from membership.graph.kit.context import Info
from membership.graph.kit.fields import subscription
from membership.graph.kit.live import LiveValues
from membership.graph.operations.documents import document_id
from membership.graph.permissions import PUBLIC
from membership.graph.schema import MembershipSchema, build_schema
from membership.kernel.actor import Role
from membership.settings import Profile

COUNT = "subscription Count($to: Int!) { count(to: $to) }"
LEVEL = "subscription Level { level }"
PAINT = "subscription Paint($colour: Colour!) { paint(colour: $colour) }"
WATCHERS = frozenset({Role.MEMBER})
WHO_MAY: Mapping[str, frozenset[Role] | None] = {
    **{f"Subscription.{name}": PUBLIC for name in ("count", "paint", "silence", "broken", "role")},
    "Subscription.level": WATCHERS,
}
TRUSTED = {document_id(text): text for text in (COUNT, LEVEL, PAINT)}


@strawberry.enum(description="Colours.")
class Colour(Enum):
    VERMILION = "VERMILION"


class Source:
    """What `level` watches: changed by the test, and counting its readers."""

    def __init__(self) -> None:
        self.value = 0
        self.padding = ""
        self.reads = 0
        self.live = LiveValues[str, tuple[int, str]](self._read, period_seconds=0.01)

    async def _read(self, keys: object) -> Mapping[str, tuple[int, str]]:
        self.reads += 1
        return {"level": (self.value, self.padding)}

    async def rested(self) -> None:
        """When nobody watches any more, and so nobody reads."""
        async with asyncio.timeout(20):
            while self.live.is_polling:  # noqa: ASYNC110 - it stops by itself
                await asyncio.sleep(0.005)


SOURCE = Source()


@strawberry.type
class TestSubscription:
    __test__ = False

    @subscription(description="0, 1, 2 …")
    async def count(self, to: int) -> AsyncGenerator[int, None]:
        for number in range(to):
            yield number

    @subscription(description="The colour it is given.")
    async def paint(self, colour: Colour) -> AsyncGenerator[str, None]:
        yield colour.value

    @subscription(description="Nothing, ever.")
    async def silence(self) -> AsyncGenerator[int, None]:
        await asyncio.Event().wait()
        yield 0

    @subscription(description="One value and a bug.")
    async def broken(self) -> AsyncGenerator[int, None]:
        yield 1
        raise RuntimeError("hunter2")

    @subscription(description="Who calls, by the role.")
    async def role(self, info: Info) -> AsyncGenerator[str, None]:
        caller = info.context.caller
        yield f"{caller.role.value if caller else 'nobody'}, {info.context.locale}"

    @subscription(description="What the test says, whenever it changes. For members.")
    async def level(self) -> AsyncGenerator[str, None]:
        async with aclosing(SOURCE.live.watch(["level"])) as values:
            async for value in values:
                number, padding = value["level"] or (-1, "")
                yield f"{number}{padding}"


def subscription_schema(profile: Profile) -> MembershipSchema:
    return build_schema(profile, TRUSTED, subscriptions=(TestSubscription,))
