"""How often each client may ask, on every transport: told in every answer, refused before anything is done."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TypeAlias
from uuid import UUID

import httpx
import pytest
import redis.asyncio

from membership.embedded.process import free_port
from membership.kernel.actor import Role
from membership.redis.client import RedisClient, open_redis
from membership.settings import Rate, RateSettings
from membership.web.rates import ANONYMOUS, AUTHENTICATION, CALENDAR
from support.patience import open_patiently
from web.conftest import ClientOf, Issue, MakeApp, Serve
from web.sockets import client_of as socket_of
from web.subscriptions import COUNT
from web.test_events import listening

QUERY = {"query": "{ __typename }"}
MEDIA_TYPES = ("application/json", "application/graphql-response+json")
THREE = Rate(3, 3_600)
"""One comes back in twenty minutes: while a test runs, none does."""

UNKNOWN_FEED = f"/calendar/{'0' * 64}.ics"
Headers: TypeAlias = dict[str, str]


def bearer(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}"}


def left(response: httpx.Response) -> tuple[str, int]:
    """The policy and what is left under it; the two headers fit each other."""
    limit = re.fullmatch(r'"([a-z_]+)";r=(\d+);t=(\d+)', response.headers["ratelimit"])
    policy = re.fullmatch(r'"([a-z_]+)";q=(\d+);w=(\d+)', response.headers["ratelimit-policy"])
    assert limit is not None
    assert policy is not None
    assert limit[1] == policy[1]
    assert int(limit[2]) <= int(policy[2])
    assert 1 <= int(limit[3]) <= int(policy[3])
    return limit[1], int(limit[2])


def refusal(response: httpx.Response) -> Mapping[str, object]:
    """What a refused client is told: the same in the headers and in the body."""
    assert response.status_code == 429
    (error,) = response.json()["errors"]
    assert "data" not in response.json()
    told: Mapping[str, object] = error["extensions"]
    assert told["code"] == "RATE_LIMITED"
    assert told["correlationId"] == response.headers["x-correlation-id"]
    wait = response.headers["retry-after"]
    assert str(told["retryAfterSeconds"]) == wait
    assert response.headers["ratelimit"].endswith(f";r=0;t={wait}")
    assert f"Come again in {wait} seconds." in error["message"]
    return told


def only_error(payload: object) -> Mapping[str, object]:
    assert isinstance(payload, list)
    (error,) = payload
    told: Mapping[str, object] = error["extensions"]
    return told


async def later(redis: "redis.asyncio.Redis", by: timedelta) -> None:
    """As if so much time had gone by for every bucket."""
    for key in await redis.keys("rate:*"):
        full_at = int(await redis.get(key) or 0)
        await redis.set(key, full_at - int(by / timedelta(microseconds=1)), keepttl=True)


class TestHttp:
    async def test_answers_say_what_is_left(self, make_app: MakeApp, client_of: ClientOf, issue: Issue) -> None:
        async with client_of(make_app(rate_limit_till=THREE)) as client:
            answers = [
                await client.post("/graphql", json=QUERY, headers=bearer(issue(Role.TILL))),
                await client.get("/graphql", params=QUERY, headers=bearer(issue(Role.TILL))),
                await client.post("/graphql", content="{", headers=bearer(issue(Role.TILL))),
            ]
        assert [answer.status_code for answer in answers] == [200, 200, 415]
        assert [left(answer) for answer in answers] == [("till", 2), ("till", 1), ("till", 0)]
        assert answers[0].headers["ratelimit-policy"] == '"till";q=3;w=3600'
        assert answers[0].headers["ratelimit"] == '"till";r=2;t=2400'

    @pytest.mark.parametrize("method", ["GET", "POST"])
    @pytest.mark.parametrize("media_type", MEDIA_TYPES)
    async def test_who_asks_more_is_told_when_to_come_again(
        self, make_app: MakeApp, client_of: ClientOf, issue: Issue, redis: "redis.asyncio.Redis", *, method: str,
        media_type: str,
    ) -> None:  # fmt: skip
        headers = {**bearer(issue(Role.TILL)), "Accept": media_type}
        given = {"json": QUERY} if method == "POST" else {"params": QUERY}
        async with client_of(make_app(rate_limit_till=THREE)) as client:
            for _ in range(3):
                assert (await client.request(method, "/graphql", headers=headers, **given)).status_code == 200  # type: ignore[arg-type]
            refused = await client.request(method, "/graphql", headers=headers, **given)  # type: ignore[arg-type]
            refusal(refused)
            assert refused.headers["content-type"] == f"{media_type}; charset=utf-8"
            assert refused.headers["retry-after"] == "1200"

            await later(redis, timedelta(minutes=20))
            assert (await client.request(method, "/graphql", headers=headers, **given)).status_code == 200  # type: ignore[arg-type]
            refusal(await client.request(method, "/graphql", headers=headers, **given))  # type: ignore[arg-type]

    async def test_nothing_is_done_for_who_is_refused(
        self, make_app: MakeApp, client_of: ClientOf, issue: Issue, statements: list[str]
    ) -> None:
        """What would be another refusal, or read from PostgreSQL, is not even looked at."""
        headers = bearer(issue(Role.MEMBER))
        async with client_of(make_app(rate_limit_member=Rate(1, 3_600))) as client:
            await client.post("/graphql", json=QUERY, headers=headers)
            statements.clear()
            refusal(await client.post("/graphql", json={"query": "{ stores { nodes { id } } }"}, headers=headers))
            refusal(await client.post("/graphql", json={"query": "{ not a document"}, headers=headers))
            refusal(await client.post("/graphql", content="no JSON", headers=headers))
            refusal(await client.get("/graphql", params={"variables": "{"}, headers=headers))
        assert statements == []


class TestWhoIsWho:
    async def test_no_till_waits_behind_another(self, make_app: MakeApp, client_of: ClientOf, issue: Issue) -> None:
        """Not even where all tills of a store share a subject, and an address."""
        one, other = (issue(Role.TILL, subject="store", till=UUID(int=number)) for number in (1, 2))
        async with client_of(make_app(rate_limit_till=THREE)) as client:
            for _ in range(4):
                busy = await client.post("/graphql", json=QUERY, headers=bearer(one))
            refusal(busy)
            assert left(await client.post("/graphql", json=QUERY, headers=bearer(other))) == ("till", 2)

    async def test_no_associate_waits_behind_the_same_staff_number_of_another_counter(
        self, make_app: MakeApp, client_of: ClientOf, issue: Issue
    ) -> None:
        one, other = (issue(Role.ASSOCIATE, subject="001", counter=UUID(int=number)) for number in (1, 2))
        async with client_of(make_app(rate_limit_associate=THREE)) as client:
            await client.post("/graphql", json=QUERY, headers=bearer(one))
            assert left(await client.post("/graphql", json=QUERY, headers=bearer(other))) == ("associate", 2)

    async def test_a_subject_has_a_bucket_in_each_role(
        self, make_app: MakeApp, client_of: ClientOf, issue: Issue
    ) -> None:
        async with client_of(make_app(rate_limit_planner=THREE, rate_limit_approver=THREE)) as client:
            for role in (Role.PLANNER, Role.APPROVER):
                token = issue(role, subject="zhang")
                assert left(await client.post("/graphql", json=QUERY, headers=bearer(token))) == (role.value, 2)

    @pytest.mark.parametrize("role", list(Role))
    async def test_each_role_has_its_own_policy(
        self, make_app: MakeApp, client_of: ClientOf, issue: Issue, role: Role
    ) -> None:
        app = make_app(**{f"rate_limit_{role.value}": THREE})
        async with client_of(app) as client:
            response = await client.post("/graphql", json=QUERY, headers=bearer(issue(role)))
        assert left(response) == (role.value, 2)

    async def test_who_brings_no_token_is_known_by_address(self, make_app: MakeApp, client_of: ClientOf) -> None:
        app = make_app(rate_limit_anonymous=THREE)
        answers = []
        for address in ("192.0.2.1", "192.0.2.2", "::ffff:192.0.2.1", "2001:db8:1:2::1", "2001:db8:1:2:ffff::", "unix"):
            async with client_of(app, address=address) as client:
                answers.append(left(await client.post("/graphql", json=QUERY)))
        assert answers == [(ANONYMOUS, number) for number in (2, 2, 1, 2, 1, 2)]

    async def test_nobody_can_lock_out_who_shares_their_address(
        self, make_app: MakeApp, client_of: ClientOf, issue: Issue
    ) -> None:
        limits = {"rate_limit_anonymous": THREE, "rate_limit_authentication": THREE}
        async with client_of(make_app(**limits)) as client:
            for _ in range(4):
                anonymous = await client.post("/graphql", json=QUERY)
                guess = await client.post("/graphql", json=QUERY, headers=bearer("guess"))
            refusal(anonymous)
            refusal(guess)
            honest = await client.post("/graphql", json=QUERY, headers=bearer(issue(Role.TILL)))
        assert (honest.status_code, left(honest)[0]) == (200, "till")


class TestTwoProcesses:
    async def test_of_fifty_at_once_over_two_processes_exactly_so_many_pass(
        self, make_app: MakeApp, client_of: ClientOf, issue: Issue, redis_url: str
    ) -> None:
        headers, limit = bearer(issue(Role.TILL)), Rate(20, 86_400)
        async with AsyncExitStack() as stack:
            clients = []
            for _ in range(2):
                cache = await stack.enter_async_context(open_patiently(redis_url))
                clients.append(await stack.enter_async_context(client_of(make_app(cache=cache, rate_limit_till=limit))))
            answers = await asyncio.gather(
                *(clients[number % 2].post("/graphql", json=QUERY, headers=headers) for number in range(50))
            )
        assert Counter(answer.status_code for answer in answers) == {200: 20, 429: 30}
        assert sorted(left(answer)[1] for answer in answers if answer.status_code == 200) == list(range(20))


class TestFailedAuthentications:
    async def test_who_guesses_tokens_is_slowed(self, make_app: MakeApp, client_of: ClientOf, issue: Issue) -> None:
        guesses = ["guess", "e30.e30.e30", issue(Role.TILL)[:-4] + "AAAA", issue(Role.TILL, audience="other")]
        async with client_of(make_app(rate_limit_authentication=THREE)) as client:
            answers = [await client.post("/graphql", json=QUERY, headers=bearer(guess)) for guess in guesses]
        assert [left(answer) for answer in answers] == [(AUTHENTICATION, number) for number in (2, 1, 0, 0)]
        assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
        refusal(answers[-1])

    async def test_who_is_late_guesses_nothing(self, make_app: MakeApp, client_of: ClientOf, issue: Issue) -> None:
        """Phones of a whole store come back with tokens of yesterday."""
        expired = issue(Role.MEMBER, lifetime=timedelta(minutes=-5))
        async with client_of(make_app(rate_limit_authentication=THREE, rate_limit_anonymous=Rate(9, 3_600))) as client:
            answers = [await client.post("/graphql", json=QUERY, headers=bearer(expired)) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [401] * 5
        assert [left(answer) for answer in answers] == [(ANONYMOUS, number) for number in (8, 7, 6, 5, 4)]


class TestStreams:
    async def test_an_event_stream_is_counted_and_says_what_is_left(self, serve: Serve, issue: Issue) -> None:
        body: dict[str, object] = {"query": COUNT, "variables": {"to": 1}}
        async with serve(rate_limit_member=THREE) as served:
            token = issue(Role.MEMBER)
            for number in (2, 1, 0):
                async with listening(served, body, token=token) as listener:
                    assert left(listener.response) == ("member", number)
                    assert (await listener.event())[0] == "next"
            async with listening(served, body, token=token) as listener:
                await listener.response.aread()
                refusal(listener.response)

    async def test_a_websocket_is_counted_by_operation_and_for_its_beginning(self, serve: Serve, issue: Issue) -> None:
        token = f"Bearer {issue(Role.MEMBER)}"
        async with serve(rate_limit_member=THREE) as served:
            async with socket_of(served) as client:
                await client.begin(authorization=token)
                await client.subscribe("subscription { silence }", key="before")
                await client.subscribe("{ __typename }")
                assert (await client.hear())["type"] == "next"
                assert (await client.hear())["type"] == "complete"

                await client.subscribe("{ not a document", key="refused")
                message = await client.hear()
                assert (message["type"], message["id"]) == ("error", "refused")
                error = only_error(message["payload"])
                assert error["code"] == "RATE_LIMITED"
                assert error["retryAfterSeconds"] == 1_200
                assert error["correlationId"]
                await client.say("ping")
                assert await client.hear() == {"type": "pong"}, "the connection and its other operations go on"
            async with socket_of(served) as client:
                await client.say("connection_init", payload={"authorization": token})
                code, reason = await client.hear_close()
                assert code == 1013
                assert reason is not None
                assert "Come again in 1200 seconds." in reason

    async def test_guesses_by_websocket_are_counted_with_the_others(
        self, serve: Serve, redis: "redis.asyncio.Redis"
    ) -> None:
        codes = []
        async with serve(rate_limit_authentication=THREE) as served:
            for _ in range(4):
                async with socket_of(served) as client:
                    await client.say("connection_init", payload={"authorization": "Bearer guess"})
                    codes.append((await client.hear_close())[0])
            async with httpx.AsyncClient() as over_http:
                refusal(await over_http.post(served.url, json=QUERY, headers=bearer("guess")))
        assert codes == [4403, 4403, 4403, 1013]

    async def test_all_transports_share_a_bucket(self, serve: Serve, issue: Issue) -> None:
        token = issue(Role.MEMBER)
        async with serve(rate_limit_member=THREE) as served:
            async with socket_of(served) as client:
                await client.begin(authorization=f"Bearer {token}")
            async with listening(served, {"query": COUNT, "variables": {"to": 0}}, token=token) as listener:
                assert left(listener.response) == ("member", 1)
            async with httpx.AsyncClient() as over_http:
                assert left(await over_http.post(served.url, json=QUERY, headers=bearer(token))) == ("member", 0)


class TestCalendars:
    async def test_fetches_are_limited_by_address_before_anything_is_looked_up(
        self, make_app: MakeApp, client_of: ClientOf, statements: list[str]
    ) -> None:
        app = make_app(rate_limit_calendar=THREE)
        async with client_of(app, address="192.0.2.1") as client:
            assert [(await client.get(UNKNOWN_FEED)).status_code for _ in range(3)] == [404] * 3
            statements.clear()
            refusal(await client.get(UNKNOWN_FEED))
            assert statements == []
            assert (await client.post("/graphql", json=QUERY)).status_code == 200
        async with client_of(app, address="192.0.2.2") as client:
            assert (await client.get(UNKNOWN_FEED)).status_code == 404


class TestKeys:
    async def test_redis_is_told_no_subject_no_address_and_no_token(
        self, make_app: MakeApp, client_of: ClientOf, issue: Issue, redis: "redis.asyncio.Redis"
    ) -> None:
        token = issue(Role.TILL, subject="+86 138 0013 8000")
        slow = {f"rate_limit_{policy}": THREE for policy in ("till", ANONYMOUS, AUTHENTICATION, CALENDAR)}
        async with client_of(make_app(**slow), address="192.0.2.77") as client:
            await client.post("/graphql", json=QUERY, headers=bearer(token))
            await client.post("/graphql", json=QUERY, headers=bearer("guess"))
            await client.post("/graphql", json=QUERY)
            await client.get(UNKNOWN_FEED)
        keys = sorted(key.decode() for key in await redis.keys("*") if isinstance(key, bytes))
        assert [key.split(":")[1] for key in keys] == [ANONYMOUS, AUTHENTICATION, CALENDAR, "till"]
        assert all(re.fullmatch(r"rate:[a-z]+:[0-9a-f]{32}", key) for key in keys)
        assert len({key.split(":")[2] for key in keys[:3]}) == 1, "one address"

    async def test_buckets_are_forgotten_when_they_are_full_again(
        self, make_app: MakeApp, client_of: ClientOf, redis: "redis.asyncio.Redis"
    ) -> None:
        async with client_of(make_app(rate_limit_anonymous=Rate(60, 60))) as client:
            for _ in range(5):
                await client.post("/graphql", json=QUERY)
        (key,) = await redis.keys("rate:*")
        assert 0 < await redis.pttl(key) <= 5_000


class TestDefaults:
    """What is in the settings unless somebody says otherwise."""

    DEFAULTS: Mapping[str, object] = {name: field.default for name, field in RateSettings.model_fields.items()}

    @pytest.mark.parametrize(
        ("role", "requests"),
        [
            pytest.param(Role.MEMBER, 44, id="two devices around a drop: ten polls, ten retries and a home each"),
            pytest.param(Role.TILL, 300, id="thirty sales of a till whose line was cut"),
            pytest.param(Role.PLANNER, 60, id="a planner who opens every page"),
            pytest.param(Role.SERVICE, 500, id="five seconds of all tills of the design day"),
        ],
    )
    async def test_nobody_honest_is_refused(
        self, make_app: MakeApp, client_of: ClientOf, issue: Issue, role: Role, requests: int
    ) -> None:
        headers = bearer(issue(role))
        async with client_of(make_app(**self.DEFAULTS)) as client:
            statuses = [
                (await client.post("/graphql", json=QUERY, headers=headers)).status_code for _ in range(requests)
            ]
        assert set(statuses) == {200}

    async def test_who_hammers_a_claim_is_slowed(self, make_app: MakeApp, client_of: ClientOf, issue: Issue) -> None:
        headers = bearer(issue(Role.MEMBER))
        async with client_of(make_app(**self.DEFAULTS)) as client:
            statuses: list[int] = []
            while 429 not in statuses and len(statuses) < 1_000:
                statuses.append((await client.post("/graphql", json=QUERY, headers=headers)).status_code)
            refused = await client.post("/graphql", json=QUERY, headers=headers)
        assert len(statuses) < 1_000
        assert int(refused.headers.get("retry-after", "1")) == 1


class TestWithoutRedis:
    """By HTTP; tests/faults/test_rates_redis.py has the rest."""

    @pytest.fixture
    async def nobody(self) -> AsyncIterator[RedisClient]:
        client = open_redis(f"redis://127.0.0.1:{free_port()}")
        yield client
        await client.aclose()

    async def test_requests_are_served_and_counted_by_the_process(
        self, make_app: MakeApp, client_of: ClientOf, issue: Issue, nobody: RedisClient
    ) -> None:
        headers = bearer(issue(Role.TILL))
        async with client_of(make_app(cache=nobody, rate_limit_till=THREE)) as client:
            answers = [await client.post("/graphql", json=QUERY, headers=headers) for _ in range(4)]
        assert [left(answer) for answer in answers] == [("till", number) for number in (2, 1, 0, 0)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        refusal(answers[-1])
