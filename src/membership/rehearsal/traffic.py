"""What runs against the topology during one fault: tills that sell, members who claim, in a thread of their own.

A thread, because the main one starts and stops servers meanwhile and must not hold anybody up, who waits for it or for
whom it waits.
"""

import asyncio
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

import httpx
import uvloop

from membership.bench.crowd import Crowd, Shopper
from membership.bench.season import PROGRAMME
from membership.kernel.actor import Role
from membership.kernel.clock import SystemClock
from membership.rehearsal.claiming import Claiming, Claims, Given, Member
from membership.rehearsal.plan import Plan, RehearsalFailed
from membership.rehearsal.witness import Tally, Witness
from membership.rehearsal.world import Drop
from membership.sample.files import sample_programmes
from membership.sample.shop import shop_of
from membership.till_client.base_client import Attempt, BaseClient
from membership.till_client.generated.input_types import MemberLookup
from membership.till_simulator.book import Book
from membership.till_simulator.opening import Doors, Line, admit, opened
from membership.till_simulator.proof import Proof, prove
from membership.till_simulator.shop import Shop
from membership.till_simulator.trading import Day
from membership.web.development_issuer import issue_token

_CARDS_A_TILL = 4
_ALL_DAY = 3_600.0
_READY_SECONDS = 60
_POLL_SECONDS = 0.05
_LIFETIME_MEMBERS = 60


@dataclass(frozen=True, slots=True)
class People:
    """Tills with their tokens, cards of those who shop, and tokens of those who claim: others, so that a customer's
    points are what the tills say."""

    shop: Shop
    claimers: tuple[tuple[Shopper, str], ...]


@dataclass(frozen=True, slots=True)
class Carried:
    """What one fault's traffic came to. `book` and `claims`: what clients were told; `proof` and `given`: what is
    there. `retries`: of requests that clients sent again by themselves."""

    tally: Tally
    book: Book
    proof: Proof
    claims: Claims
    given: Given
    retries: int


def people_of(crowd: Crowd, keys: Path, plan: Plan) -> People:
    now = SystemClock().now()
    (sample,) = (row for row in sample_programmes() if row.programme.code == PROGRAMME)
    customers = crowd.many[: plan.tills * _CARDS_A_TILL]
    others = crowd.many[len(customers) :][:_LIFETIME_MEMBERS] or customers
    shop = shop_of(sample, keys, [shopper.card for shopper in customers], now)
    return People(shop, tuple((shopper, _token_of(shopper, keys)) for shopper in others))


class Traffic:
    """Runs while its block does: `with Traffic(…) as traffic: … traffic.end()`. `contest()` begins the drop of what is
    scarce."""

    def __init__(self, url: str, people: People, drop: Drop, plan: Plan, *, seed: int) -> None:
        self._url = url
        self._people = people
        self._drop = drop
        self._plan = plan
        self._rng = Random(seed)  # noqa: S311 - the same customers every time
        self._closing, self._contested, self._abandoned = threading.Event(), threading.Event(), threading.Event()
        self._thread = ThreadPoolExecutor(1, "traffic")
        self._done: Future[Carried] | None = None
        self._retries = Counter[str]()
        self.tally = Tally()

    def __enter__(self) -> Self:
        """Returns when tills and members have had answers."""
        self._done = self._thread.submit(lambda: uvloop.run(self._run()))
        deadline = time.monotonic() + _READY_SECONDS
        while not self._is_under_way():
            if self._done.done():
                self._done.result()
            if time.monotonic() > deadline:
                raise RehearsalFailed(f"nobody was served within {_READY_SECONDS} s")
            time.sleep(_POLL_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """After a failure nobody waits for what can no longer be proven."""
        if error is not None:
            self._abandoned.set()
        self._closing.set()
        self._thread.shutdown()

    @property
    def is_under_way(self) -> bool:
        return self._done is not None and not self._done.done()

    def contest(self) -> None:
        self._contested.set()

    def end(self) -> Carried:
        """Nobody comes in any more; everything is looked up."""
        self._closing.set()
        if self._done is None:
            raise RuntimeError("the traffic did not begin")
        return self._done.result()

    def _is_under_way(self) -> bool:
        answered = {sent.operation for sent in list(self.tally.sent) if sent.failure is None}
        return {"CommitSale", "ClaimGift"} <= answered

    def _is_open(self) -> bool:
        return not self._closing.is_set()

    def _observe(self, attempt: Attempt) -> None:
        self._retries["all"] += attempt.number > 1

    async def _run(self) -> Carried:
        plan, rng = self._plan, self._rng
        line = Line(self._url, wrap=self._watched)
        cards = [MemberLookup(card_number=number) for number in self._people.shop.cards]
        async with (
            self._http(plan.claimers * 2) as http,
            opened(self._people.shop, line, tills=plan.tills, clock=SystemClock(), rng=rng) as doors,
        ):
            await admit(doors, cards, rng)
            members = [Member(shopper, self._app(token, http)) for shopper, token in self._people.claimers]
            claiming = Claiming(members, self._drop, rng, self._contested.is_set)
            async with asyncio.TaskGroup() as group:
                day = Day(doors, rng, seconds=_ALL_DAY, most=10**9, is_open=self._is_open, goes_on=True)
                group.create_task(day.trade())
                for _ in range(plan.claimers):
                    group.create_task(claiming.stand(self._is_open))
            if self._abandoned.is_set():
                raise RehearsalFailed("the fault could not be carried out")
            return await self._prove(doors, claiming)

    async def _prove(self, doors: Doors, claiming: Claiming) -> Carried:
        """What clients saw ends here: what is looked up is nobody's business."""
        tally, retries = Tally(list(self.tally.sent)), self._retries["all"] + doors.book.retries
        proof = await prove(doors, self._rng)
        given = await claiming.prove()
        return Carried(tally, doors.book, proof, claiming.claims, given, retries + claiming.claims.retries)

    def _watched(self, inner: httpx.AsyncBaseTransport) -> httpx.AsyncBaseTransport:
        return Witness(inner, self.tally, pause=self._pause)

    def _pause(self) -> float:
        """Nobody stands at a till while it is proven."""
        return self._plan.pause_seconds if self._is_open() else 0

    def _http(self, connections: int) -> httpx.AsyncClient:
        inner = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=connections))
        return httpx.AsyncClient(transport=self._watched(inner), trust_env=False)

    def _app(self, token: str, http: httpx.AsyncClient) -> BaseClient:
        return BaseClient(self._url, token, http=http, observer=self._observe, chance=self._rng.random)


def _token_of(shopper: Shopper, keys: Path) -> str:
    return issue_token(
        keys,
        Role.MEMBER,
        now=SystemClock().now(),
        subject=f"member:{shopper.membership.member_id}",
        member=shopper.membership.member_id,
        programme=shopper.membership.programme_id,
    )
