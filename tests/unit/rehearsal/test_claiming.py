"""What members were told of their gifts is held against what is there."""

from collections import Counter
from random import Random

import httpx
import orjson
import pytest

from membership.bench.crowd import Shopper, member_id_of
from membership.kernel.ids import new_id
from membership.members.model import MembershipKey
from membership.rehearsal.claiming import Claiming, Given, Member
from membership.rehearsal.world import Drop
from membership.stores.model import ProgrammeId
from membership.till_client import Retrying
from membership.till_client.base_client import BaseClient

DROP = Drop("plenty", "scarce", "R/PLENTY", "R/SCARCE", units=2, plenty_key="{plenty}")
OFFERS = {"plenty": "R/PLENTY", "scarce": "R/SCARCE"}


class Desk:
    """A service that gives gifts out, well or badly. `stutters`: so many answers are 503 first."""

    def __init__(self) -> None:
        self.gifts: dict[str, str] = {}
        self.by_key: dict[str, str] = {}
        self.forgets = self.gives_twice = self.never_tells = False
        self.units = DROP.units
        self.stutters = 0
        self.sent = Counter[str]()

    def answer(self, request: httpx.Request) -> httpx.Response:
        body = orjson.loads(request.content)
        self.sent[body["operationName"]] += 1
        if body["operationName"] == "MyGifts":
            nodes = [{"id": gift, "offer": offer} for gift, offer in self.gifts.items()]
            return _json({"myGifts": {"nodes": nodes, "pageInfo": {"hasNextPage": False, "endCursor": None}}})
        if self.stutters:
            self.stutters -= 1
            return httpx.Response(503, json={"errors": [{"extensions": {"code": "UNAVAILABLE"}}]})
        asked = body["variables"]["input"]
        return self._claimed(asked["idempotencyKey"], asked["wanted"]["poolId"])

    def _claimed(self, key: str, pool: str) -> httpx.Response:
        if key not in self.by_key or self.gives_twice:
            if pool == "scarce" and sum(offer == "R/SCARCE" for offer in self.gifts.values()) >= self.units:
                return _json({"claimGift": {"code": "SOLD_OUT"}})
            self.by_key[key] = f"gift-{len(self.by_key)}-{len(self.gifts)}"
            if not self.forgets:
                self.gifts[self.by_key[key]] = OFFERS[pool]
        if self.never_tells:
            return _json({"claimGift": {"code": "CLAIM_EXPIRED"}})
        return _json({"claimGift": {"gift": {"id": self.by_key[key], "offer": OFFERS[pool]}}})


def _json(data: object) -> httpx.Response:
    return httpx.Response(200, json={"data": data})


async def _played(desk: Desk, *, claims: int = 40, scarce: bool = True, seed: int = 1) -> tuple[Claiming, Given]:
    left = iter(range(claims))
    async with httpx.AsyncClient(transport=httpx.MockTransport(desk.answer)) as http:
        client = BaseClient("http://service.test/graphql", "token", http=http, retrying=Retrying(attempts=1))
        shopper = Shopper(1, MembershipKey(member_id_of(1), ProgrammeId(new_id())), b"")
        claiming = Claiming([Member(shopper, client)], DROP, Random(seed), lambda: scarce)
        await claiming.stand(lambda: next(left, None) is not None)
        return claiming, await claiming.prove()


async def test_a_drop_that_adds_up_has_nothing_wrong() -> None:
    claiming, given = await _played(Desk())
    assert given.wrong == []
    assert given.scarce == DROP.units
    assert given.gifts == len(claiming.claims.yours)
    assert claiming.claims.refused["SOLD_OUT"] >= 1


async def test_two_devices_send_the_same_claim_and_both_hear_of_one_gift() -> None:
    desk = Desk()
    claiming, given = await _played(desk, scarce=False)
    assert desk.sent["ClaimGift"] > len(claiming.claims.yours) == given.gifts


async def test_a_gift_that_was_promised_and_is_not_there_is_lost() -> None:
    desk = Desk()
    desk.forgets = True
    _, given = await _played(desk, claims=1, scarce=False)
    assert "is lost" in given.wrong[0]


async def test_a_gift_that_nobody_was_told_of_is_one_too_many() -> None:
    desk = Desk()
    desk.never_tells = True
    _, given = await _played(desk, claims=1, scarce=False)
    assert "nobody was ever told" in given.wrong[0]


async def test_a_claim_that_gets_two_gifts_is_done_twice() -> None:
    desk = Desk()
    desk.gives_twice = True
    _, given = await _played(desk, scarce=False)
    assert any("answered with several gifts" in sentence for sentence in given.wrong)


async def test_more_units_than_there_are_are_noticed() -> None:
    desk = Desk()
    desk.units = DROP.units + 1
    _, given = await _played(desk)
    assert given.wrong == ["3 units of R/SCARCE were given; there were 2."]


async def test_what_got_no_answer_is_sent_again_with_the_same_key_until_it_gets_one() -> None:
    desk = Desk()
    desk.stutters = 3
    claiming, given = await _played(desk, claims=1, scarce=False)
    assert claiming.claims.given_up.total() >= 1
    assert (given.settled, given.gifts, given.wrong) == (1, 1, [])


@pytest.mark.parametrize("scarce", [True, False])
async def test_what_is_scarce_is_wanted_once_the_moment_has_come(scarce: bool) -> None:
    _, given = await _played(Desk(), scarce=scarce)
    assert (given.scarce > 0) is scarce
