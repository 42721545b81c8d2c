"""Members who contest the gifts of a drop with the app, and proof that each unit was given once."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Annotated

from pydantic import Field

from membership.bench.crowd import Shopper
from membership.graph.operations.documents import document_id, graphql_folder
from membership.kernel.ids import new_id
from membership.rehearsal.world import Drop
from membership.till_client import TillClientError
from membership.till_client.base_client import BaseClient
from membership.till_client.base_model import BaseModel

IsOpen = Callable[[], bool]

_TRIES = 20
_AT_A_TIME = 4
_PAGE = 50
_TAPPED_TWICE = 0.1
_WANT_SCARCE = 0.6
_COME_AGAIN = frozenset({"OUTCOME_UNKNOWN", "ALL_HELD", "ANOTHER_CLAIM_PENDING"})
_FINAL_PATIENCE_SECONDS = 20.0


class _Gift(BaseModel):
    id: str
    offer: str


class _Outcome(BaseModel):
    gift: _Gift | None = None
    code: str | None = None
    retry_after_seconds: Annotated[int, Field(alias="retryAfterSeconds")] = 1


class _Claimed(BaseModel):
    claim_gift: Annotated[_Outcome, Field(alias="claimGift")]


class _PageInfo(BaseModel):
    has_next_page: Annotated[bool, Field(alias="hasNextPage")]
    end_cursor: Annotated[str | None, Field(alias="endCursor")] = None


class _Gifts(BaseModel):
    nodes: list[_Gift]
    page_info: Annotated[_PageInfo, Field(alias="pageInfo")]


class _Mine(BaseModel):
    my_gifts: Annotated[_Gifts, Field(alias="myGifts")]


@dataclass(frozen=True, slots=True)
class Member:
    """`client`: with the member's token. A claim is sent by it again and again, with the same key."""

    shopper: Shopper
    client: BaseClient


@dataclass(frozen=True, slots=True)
class Claim:
    member: Member
    pool: str
    key: str


@dataclass(slots=True)
class Claims:
    """What members were told. `yours`: by the claim's key, the gifts that its answers named. `unsettled`: got no answer
    that ends it. `come_again`: refusals after which the same claim is sent again, by code."""

    yours: dict[str, set[str]] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    come_again: Counter[str] = field(default_factory=Counter)
    unsettled: list[Claim] = field(default_factory=list)
    given_up: Counter[str] = field(default_factory=Counter)
    retries: int = 0


@dataclass(slots=True)
class Given:
    """What is there in the end, `scarce` of it of the offer that has few units. `wrong`: a sentence for each gift that
    is lost or given twice."""

    gifts: int = 0
    scarce: int = 0
    settled: int = 0
    wrong: list[str] = field(default_factory=list)


class Claiming:
    """The app's members during one fault. `wants_scarce`: whether the moment has come at which everybody wants what is
    scarce."""

    def __init__(self, members: Sequence[Member], drop: Drop, rng: Random, wants_scarce: IsOpen) -> None:
        self._members = members
        self._drop = drop
        self._rng = rng
        self._wants_scarce = wants_scarce
        self._sold_out = False
        self._document = {name: _document_id(name) for name in ("ClaimGift", "MyGifts")}
        self.claims = Claims()

    async def stand(self, is_open: IsOpen) -> None:
        """One after the other claims, now and then with two devices at once."""
        while is_open():
            claim = Claim(self._rng.choice(self._members), self._wanted(), str(new_id()))
            devices = 2 if self._rng.random() < _TAPPED_TWICE else 1
            await asyncio.gather(*(self._surely(claim) for _ in range(devices)))

    def _wanted(self) -> str:
        scarce = self._wants_scarce() and not self._sold_out and self._rng.random() < _WANT_SCARCE
        return self._drop.scarce if scarce else self._drop.plenty

    async def _surely(self, claim: Claim) -> None:
        try:
            await self._until_told(claim)
        except TillClientError as failure:
            self.claims.given_up[failure.label] += 1
            self.claims.unsettled.append(claim)

    async def _until_told(self, claim: Claim) -> None:
        clock = asyncio.get_running_loop().time
        gives_up_at = clock() + _FINAL_PATIENCE_SECONDS
        while True:
            outcome = await self._send(claim)
            if outcome.code not in _COME_AGAIN:
                self._told(claim, outcome)
                return
            self.claims.come_again[outcome.code or ""] += 1
            if clock() > gives_up_at:
                self.claims.given_up[outcome.code or ""] += 1
                self.claims.unsettled.append(claim)
                return
            self.claims.retries += 1
            await asyncio.sleep(min(1, outcome.retry_after_seconds))

    async def _send(self, claim: Claim) -> _Outcome:
        wanted = {"idempotencyKey": claim.key, "wanted": {"poolId": claim.pool}}
        answer = await claim.member.client.run(self._document["ClaimGift"], "ClaimGift", {"input": wanted}, _Claimed)
        return answer.claim_gift

    def _told(self, claim: Claim, outcome: _Outcome) -> None:
        if outcome.gift is not None:
            self.claims.yours.setdefault(claim.key, set()).add(outcome.gift.id)
            return
        self.claims.refused[outcome.code or "?"] += 1
        self._sold_out = self._sold_out or (claim.pool == self._drop.scarce and outcome.code == "SOLD_OUT")

    # ---- proof

    async def prove(self) -> Given:
        """Raises TillClientError when the service does not answer."""
        given = Given()
        await self._settle(given)
        there = await self._there()
        told = {gift for gifts in self.claims.yours.values() for gift in gifts}
        given.gifts = len(there)
        given.scarce = sum(1 for offer in there.values() if offer == self._drop.scarce_offer)
        for gift in told - there.keys():
            given.wrong.append(f"Gift {gift} is lost: a member was told that it is theirs.")
        for gift in there.keys() - told:
            given.wrong.append(f"Gift {gift} of {there[gift]} was given, and nobody was ever told.")
        for key, gifts in self.claims.yours.items():
            if len(gifts) > 1:
                given.wrong.append(f"Claim {key} was answered with several gifts: {', '.join(sorted(gifts))}.")
        if len(told) < len(self.claims.yours):
            given.wrong.append("One gift was the answer to several claims.")
        if given.scarce > self._drop.units:
            given.wrong.append(
                f"{given.scarce} units of {self._drop.scarce_offer} were given; there were {self._drop.units}."
            )
        if not there:
            given.wrong.append("Nothing was claimed, so there is nothing to prove.")
        return given

    async def _settle(self, given: Given) -> None:
        """What got no answer is sent again as it was, until there is one."""
        pending = list(self.claims.unsettled)
        self.claims.unsettled.clear()
        for claim in pending:
            for _ in range(_TRIES):
                before = len(self.claims.unsettled)
                await self._surely(claim)
                if len(self.claims.unsettled) == before:
                    given.settled += 1
                    break
                self.claims.unsettled.pop()
            else:
                given.wrong.append(
                    f"Claim {claim.key} got no answer in {_TRIES} times as many attempts as an app makes."
                )

    async def _there(self) -> dict[str, str]:
        """The gifts of these offers by their id, as their members see them."""
        gate, there = asyncio.Semaphore(_AT_A_TIME), dict[str, str]()
        offers = (self._drop.plenty_offer, self._drop.scarce_offer)

        async def look(member: Member) -> None:
            async with gate:
                after: str | None = None
                while True:
                    asked = {"first": _PAGE, "after": after}
                    found = (await member.client.run(self._document["MyGifts"], "MyGifts", asked, _Mine)).my_gifts
                    there.update((gift.id, gift.offer) for gift in found.nodes if gift.offer in offers)
                    after = found.page_info.end_cursor
                    # The latest come first: what follows is of earlier faults.
                    if not found.page_info.has_next_page or any(gift.offer not in offers for gift in found.nodes):
                        return

        async with asyncio.TaskGroup() as group:
            for member in self._members:
                group.create_task(look(member))
        return there


def _document_id(operation: str) -> str:
    return document_id((graphql_folder() / f"operations/app/{operation}.graphql").read_text(encoding="utf-8"))
