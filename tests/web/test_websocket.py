"""graphql-transport-ws over real sockets, message by message."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest
import structlog.testing
from structlog.testing import capture_logs
from websockets.exceptions import InvalidHandshake, InvalidStatus

from membership.graph.operations.documents import document_id
from membership.kernel.actor import Role
from membership.kernel.clock import Clock
from membership.settings import Profile
from membership.web.streams import StreamLimits
from web.conftest import Issue, Serve, about_to_expire
from web.sockets import PATIENCE_SECONDS, Client, Served, client_of
from web.subscriptions import COUNT, LEVEL, PAINT, SOURCE, subscription_schema


@pytest.fixture
async def client(served: Served) -> AsyncIterator[Client]:
    async with client_of(served) as client:
        yield client


def code_of(payload: object) -> object:
    (error,) = payload if isinstance(payload, list) else payload["errors"]  # type: ignore[index]
    assert error["extensions"]["correlationId"]
    return error["extensions"]["code"]


async def values_of(client: Client, field: str, *, key: str = "1") -> list[object]:
    """All values until `complete`."""
    values = []
    while (message := await client.hear())["type"] == "next":
        assert message["id"] == key
        values.append(message["payload"]["data"][field])  # type: ignore[index]
    assert message == {"type": "complete", "id": key}
    return values


class TestTheHappyPath:
    async def test_a_subscription_from_first_to_last(self, client: Client) -> None:
        assert client.connection.subprotocol == "graphql-transport-ws"
        await client.begin()
        await client.subscribe(COUNT, to=3)
        assert await values_of(client, "count") == [0, 1, 2]

    async def test_queries_go_the_same_way(self, client: Client) -> None:
        await client.begin()
        await client.subscribe("{ __typename }")
        assert await values_of(client, "__typename") == ["Query"]

    async def test_an_id_may_be_used_again_once_its_operation_is_over(self, client: Client) -> None:
        await client.begin()
        for _ in range(3):
            await client.subscribe(COUNT, to=1)
            assert await values_of(client, "count") == [0]

    async def test_operations_run_side_by_side(self, client: Client) -> None:
        await client.begin()
        await client.subscribe("subscription { silence }", key="quiet")
        await client.subscribe(COUNT, key="loud", to=2)
        assert await values_of(client, "count", key="loud") == [0, 1]

    async def test_ping_is_answered_before_and_after_the_beginning(self, client: Client) -> None:
        await client.say("ping")
        assert await client.hear() == {"type": "pong"}
        await client.begin()
        await client.say("pong")
        await client.say("ping", payload={"any": "thing"})
        assert await client.hear() == {"type": "pong"}

    async def test_the_connection_knows_its_correlation_id_and_the_logs_know_each_operations(
        self, served: Served
    ) -> None:
        with structlog.testing.capture_logs() as lines:
            async with client_of(served, headers={"X-Correlation-Id": "from-the-app"}) as client:
                await client.say("connection_init")
                assert await client.hear() == {
                    "type": "connection_ack",
                    "payload": {"correlationId": "from-the-app"},
                }
                await client.subscribe(COUNT, to=1)
                await values_of(client, "count")
                await client.subscribe("{ nothing }")
                assert code_of((await client.hear())["payload"]) == "GRAPHQL_VALIDATION_FAILED"
            await served.emptied()
        operations = [line for line in lines if line["event"] == "graphql operation"]
        assert [(line["correlation_id"], line["operation"], line["outcome"]) for line in operations] == [
            ("from-the-app.1", "Count", "OK"),
            ("from-the-app.2", None, "GRAPHQL_VALIDATION_FAILED"),
        ]

    async def test_names_come_in_the_language_of_the_handshake_or_of_the_beginning(self, served: Served) -> None:
        headers = {"Accept-Language": "ko-KR"}
        async with client_of(served, headers=headers) as first, client_of(served, headers=headers) as second:
            await first.begin()
            await second.begin(acceptLanguage="zh-CN")
            for client, said in ((first, "nobody, ko"), (second, "nobody, zh-CN")):
                await client.subscribe("subscription { role }")
                assert await values_of(client, "role") == [said]


class TestWhoCalls:
    @pytest.mark.parametrize("name", ["authorization", "Authorization"])
    async def test_a_token_in_the_beginning(self, client: Client, issue: Issue, name: str) -> None:
        await client.begin(**{name: f"Bearer {issue(Role.DESK)}"})
        await client.subscribe("subscription { role }")
        assert await values_of(client, "role") == ["desk, en"]

    async def test_a_token_in_the_handshake(self, served: Served, issue: Issue) -> None:
        async with client_of(served, headers={"Authorization": f"Bearer {issue(Role.TILL)}"}) as client:
            await client.begin()
            await client.subscribe("subscription { role }")
            assert await values_of(client, "role") == ["till, en"]

    @pytest.mark.parametrize("given", ["Bearer nonsense", "Basic abc", 7, ["Bearer"]])
    async def test_a_token_that_is_not_good_is_not_let_in(self, client: Client, given: object) -> None:
        await client.say("connection_init", payload={"authorization": given})
        code, reason = await client.hear_close()
        assert code == 4403
        assert reason

    async def test_without_a_token_or_with_the_wrong_role_nothing_restricted_is_watched(
        self, served: Served, issue: Issue
    ) -> None:
        async with client_of(served) as nobody, client_of(served) as desk, client_of(served) as member:
            await nobody.begin()
            await desk.begin(authorization=f"Bearer {issue(Role.DESK)}")
            await member.begin(authorization=f"Bearer {issue(Role.MEMBER)}")
            for client, code in ((nobody, "UNAUTHENTICATED"), (desk, "FORBIDDEN")):
                await client.subscribe(LEVEL)
                message = await client.hear()
                assert (message["type"], message["id"], code_of(message["payload"])) == ("error", "1", code)
            await member.subscribe(LEVEL)
            assert (await member.hear())["type"] == "next"

    async def test_a_connection_ends_with_its_token(self, serve: Serve, issue: Issue, host_clock: Clock) -> None:
        judge = about_to_expire(host_clock.now())
        token = issue(Role.MEMBER, lifetime=timedelta())
        async with serve(tokens_judged_by=judge) as served, client_of(served) as client:
            await client.begin(authorization=f"Bearer {token}")
            await client.subscribe("subscription { silence }")
            assert await client.hear_close() == (4403, "The token has expired")


class TestTheGate:
    async def test_the_production_profile_runs_trusted_documents_only(self, serve: Serve) -> None:
        async with serve(subscription_schema(Profile.PRODUCTION)) as served, client_of(served) as client:
            await client.begin()
            await client.subscribe(COUNT, to=1)
            assert code_of((await client.hear())["payload"]) == "TRUSTED_DOCUMENT_REQUIRED"

            identity = document_id(COUNT)
            for payload in ({"documentId": identity}, {"extensions": {"documentId": identity}}):
                await client.say("subscribe", id="1", payload={**payload, "variables": {"to": 2}})
                assert await values_of(client, "count") == [0, 1]

            await client.say("subscribe", id="1", payload={"documentId": "sha256:unknown"})
            assert code_of((await client.hear())["payload"]) == "TRUSTED_DOCUMENT_UNKNOWN"

    @pytest.mark.parametrize(("profile", "is_told"), [(Profile.OPEN, True), (Profile.PRODUCTION, False)])
    async def test_production_does_not_tell_of_names_nobody_asked_for(
        self, serve: Serve, profile: Profile, is_told: bool
    ) -> None:
        async with serve(subscription_schema(profile)) as served, client_of(served) as client:
            await client.begin()
            payload = {"documentId": document_id(PAINT), "variables": {"colour": "VERMILLION"}}
            await client.say("subscribe", id="1", payload=payload)
            message = await client.hear()
            assert code_of(message["payload"]) == "BAD_USER_INPUT"
            assert ("VERMILION" in json.dumps(message)) is is_told

    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("subscription {", "GRAPHQL_PARSE_FAILED"),
            ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
            ("subscription { role silence }", "GRAPHQL_VALIDATION_FAILED"),
            ("subscription { " + " ".join(f"a{n}: role" for n in range(20)) + " }", "TOO_MANY_ALIASES"),
            ("subscription { role " + "@skip(if: false) " * 60 + "}", "TOO_MANY_DIRECTIVES"),
            ("subscription ($to: Int!) { count(to: $to) }", "BAD_USER_INPUT"),
            ("query A { __typename } query B { __typename }", "OPERATION_NOT_FOUND"),
        ],
    )
    async def test_what_may_not_run_is_one_error_and_the_connection_stays(
        self, client: Client, query: str, code: str
    ) -> None:
        await client.begin()
        await client.subscribe(query)
        message = await client.hear()
        assert (message["type"], code_of(message["payload"])) == ("error", code)
        await client.say("ping")
        assert await client.hear() == {"type": "pong"}

    async def test_a_bug_is_masked(self, client: Client) -> None:
        await client.begin()
        await client.subscribe("subscription { broken }")
        assert (await client.hear())["payload"] == {"data": {"broken": 1}}
        message = await client.hear()
        assert (message["type"], code_of(message["payload"])) == ("error", "INTERNAL_SERVER_ERROR")
        assert "hunter2" not in json.dumps(message)


class TestWhatTheProtocolForbids:
    @pytest.mark.parametrize("protocol", ["graphql-ws", "other"])
    async def test_another_subprotocol(self, served: Served, protocol: str) -> None:
        # Told after the handshake, which the client rightly finds wanting: no subprotocol of its own was chosen.
        async with client_of(served, protocol=protocol) as client:
            assert client.connection.subprotocol is None
            assert (await client.hear_close())[0] == 4406

    async def test_no_subprotocol(self, served: Served) -> None:
        async with client_of(served, protocol=None) as client:
            assert (await client.hear_close())[0] == 4406

    @pytest.mark.parametrize(
        "frame",
        [
            "{",
            "[]",
            "7",
            '"x"',
            "{}",
            '{"type": "start"}',
            '{"type": "connection_ack"}',
            '{"type": 7}',
            '{"type": "subscribe"}',
            '{"type": "subscribe", "id": ""}',
            '{"type": "subscribe", "id": 7, "payload": {"query": "{a}"}}',
            '{"type": "subscribe", "id": "1"}',
            '{"type": "subscribe", "id": "1", "payload": []}',
            '{"type": "subscribe", "id": "1", "payload": {}}',
            '{"type": "subscribe", "id": "1", "payload": {"query": 7}}',
            '{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "variables": []}}',
            '{"type": "complete"}',
            json.dumps({"type": "subscribe", "id": "x" * 200, "payload": {"query": "{ __typename }"}}),
            b'{"type": "ping"}',
        ],
    )
    async def test_a_malformed_message(self, client: Client, frame: str | bytes) -> None:
        await client.begin()
        await client.connection.send(frame)
        code, reason = await client.hear_close()
        assert code == 4400
        assert reason

    async def test_brackets_are_counted_before_a_message_is_read(self, client: Client) -> None:
        await client.begin()
        await client.connection.send("[" * 15_001)
        assert await client.hear_close() == (4400, "The message has too many opening brackets")

    async def test_a_beginning_that_is_no_object(self, client: Client) -> None:
        await client.say("connection_init", payload=[])
        assert (await client.hear_close())[0] == 4400

    async def test_a_message_beyond_the_limit(self, client: Client) -> None:
        await client.connection.send("x" * 300_000)
        assert (await client.hear_close())[0] == 1009

    async def test_a_subscription_before_the_beginning(self, client: Client) -> None:
        await client.subscribe(COUNT, to=1)
        assert await client.hear_close() == (4401, "Unauthorized")

    async def test_a_second_beginning(self, client: Client) -> None:
        await client.begin()
        await client.say("connection_init")
        assert await client.hear_close() == (4429, "Too many initialisation requests")

    async def test_an_id_that_is_taken(self, client: Client) -> None:
        await client.begin()
        await client.subscribe("subscription { silence }")
        await client.subscribe(COUNT, to=1)
        assert await client.hear_close() == (4409, "Subscriber for 1 already exists")

    async def test_no_beginning_in_time(self, serve: Serve) -> None:
        async with serve(limits=StreamLimits(init_seconds=0.05)) as served, client_of(served) as client:
            assert await client.hear_close() == (4408, "Connection initialisation timeout")


class TestLimits:
    async def test_operations_of_a_connection(self, serve: Serve) -> None:
        async with serve(limits=StreamLimits(operations=2)) as served, client_of(served) as client:
            await client.begin()
            for key in ("1", "2", "3"):
                await client.subscribe("subscription { silence }", key=key)
            message = await client.hear()
            assert (message["type"], message["id"]) == ("error", "3")
            assert code_of(message["payload"]) == "TOO_MANY_OPERATIONS"

    async def test_connections_of_a_process(self, serve: Serve) -> None:
        async with serve(limits=StreamLimits(connections=1)) as served:
            async with client_of(served):
                with pytest.raises(InvalidStatus) as refused:
                    async with client_of(served):
                        pass
                assert refused.value.response.status_code == 503
                assert refused.value.response.headers["Retry-After"] == "5"
                assert code_of(json.loads(refused.value.response.body)) == "TOO_MANY_CONNECTIONS"
            await served.emptied()
            async with client_of(served) as client:
                await client.begin()

    async def test_connections_of_one_address_without_a_token(self, serve: Serve, issue: Issue) -> None:
        """Those who show one leave their place to others."""
        async with serve(limits=StreamLimits(of_one_address=2)) as served:
            async with client_of(served) as first, client_of(served) as second:
                await first.begin()
                with pytest.raises(InvalidStatus) as refused:
                    async with client_of(served), client_of(served):
                        pass
                assert refused.value.response.status_code == 503
                assert code_of(json.loads(refused.value.response.body)) == "TOO_MANY_CONNECTIONS"
                await second.begin(authorization=f"Bearer {issue(Role.MEMBER)}")
                async with client_of(served) as third:
                    await third.begin()
            await served.emptied()
            async with client_of(served) as fourth, client_of(served) as fifth:
                await fourth.begin()
                await fifth.begin()

    async def test_connections_of_one_caller(self, serve: Serve, issue: Issue) -> None:
        tokens = [f"Bearer {issue(role)}" for role in (Role.MEMBER, Role.MEMBER, Role.DESK)]
        async with serve(limits=StreamLimits(of_one_caller=1)) as served:
            async with client_of(served) as first, client_of(served) as second, client_of(served) as another:
                await first.begin(authorization=tokens[0])
                await second.say("connection_init", payload={"authorization": tokens[1]})
                assert (await second.hear_close())[0] == 1013
                await another.begin(authorization=tokens[2])
            await served.emptied()
            async with client_of(served) as again:
                await again.begin(authorization=tokens[0])

    @pytest.mark.parametrize("role", [Role.ASSOCIATE, Role.TILL])
    async def test_callers_who_share_a_subject_take_no_connection_from_each_other(
        self, serve: Serve, issue: Issue, role: Role
    ) -> None:
        """The staff number of one counter is somebody else's at another; all tills of a store may be one subject."""
        places = (UUID(int=1), UUID(int=2))
        if role is Role.TILL:
            one, other = (issue(role, subject="001", till=place) for place in places)
        else:
            one, other = (issue(role, subject="001", counter=place) for place in places)
        async with (
            serve(limits=StreamLimits(of_one_caller=1)) as served,
            client_of(served) as first,
            client_of(served) as second,
        ):
            await first.begin(authorization=f"Bearer {one}")
            await second.begin(authorization=f"Bearer {other}")

    async def test_a_connection_that_watches_nothing(self, serve: Serve) -> None:
        async with serve(limits=StreamLimits(idle_seconds=0.2)) as served, client_of(served) as client:
            await client.begin()
            await client.subscribe(COUNT, to=1)
            assert await values_of(client, "count") == [0]
            assert await client.hear_close() == (1000, "Idle")

    async def test_who_does_not_read_is_cut_off(
        self, serve: Serve, issue: Issue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(SOURCE, "padding", "x" * 200_000)
        limits = StreamLimits(send_seconds=0.2)
        with capture_logs() as lines:
            async with serve(limits=limits) as served, client_of(served) as client:
                await client.begin(authorization=f"Bearer {issue(Role.MEMBER)}")
                client.connection.transport.pause_reading()
                await client.subscribe(LEVEL)
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while len(served.streams):
                        SOURCE.value += 1
                        await asyncio.sleep(0.005)
                client.connection.transport.resume_reading()
        assert "SLOW" in [line.get("outcome") for line in lines]


class TestTheEnd:
    async def test_complete_ends_the_operation_and_frees_its_id(self, client: Client, issue: Issue) -> None:
        await client.begin(authorization=f"Bearer {issue(Role.MEMBER)}")
        await client.subscribe(LEVEL)
        assert (await client.hear())["type"] == "next"
        await client.say("complete", id="1")
        await client.say("complete", id="unknown")
        await client.subscribe(COUNT, to=1)
        assert await values_of(client, "count") == [0]
        await SOURCE.rested()

    async def test_a_client_that_is_gone_leaves_nothing_behind(self, served: Served, issue: Issue) -> None:
        async with client_of(served) as client:
            await client.begin(authorization=f"Bearer {issue(Role.MEMBER)}")
            await client.subscribe(LEVEL)
            await client.hear()
        await served.emptied()
        await SOURCE.rested()

    async def test_a_stopping_service_says_so_and_takes_no_more(self, serve: Serve) -> None:
        async with serve() as served:
            async with client_of(served) as watching, client_of(served) as waiting:
                await watching.begin()
                await watching.subscribe("subscription { silence }")
                served.stop.set()
                assert await watching.hear_close() == (1012, "Service restart")
                assert await waiting.hear_close() == (1012, "Service restart")
            with pytest.raises((InvalidHandshake, OSError)):
                async with client_of(served):
                    pass
