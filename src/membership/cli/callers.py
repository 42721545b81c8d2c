"""Tokens and first requests to paste, for `membership dev`."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from membership.kernel.actor import Role
from membership.kernel.clock import SystemClock
from membership.sample.loading import demo_ids
from membership.web.development_issuer import issue_token


@dataclass(frozen=True, slots=True)
class Caller:
    """`query` is a first useful thing to ask."""

    label: str
    variable: str
    role: Role
    query: str
    store: UUID | None = None
    till: UUID | None = None
    member: UUID | None = None
    counter: UUID | None = None
    brand: UUID | None = None
    subject: str | None = None


def tokens_of(keys: Path) -> list[tuple[Caller, str]]:
    """Every caller with a token of the development issuer."""
    demo, now = demo_ids(), SystemClock().now()
    return [
        (
            caller,
            issue_token(
                keys,
                caller.role,
                now=now,
                programme=demo.programme_id,
                store=caller.store,
                till=caller.till,
                member=caller.member,
                counter=caller.counter,
                brand=caller.brand,
                subject=caller.subject,
            ),
        )
        for caller in _callers()
    ]


def print_callers(url: str, tokens: Sequence[tuple[Caller, str]]) -> None:
    """Not through rich: it would break the long lines, and they are to be pasted."""
    for caller, token in tokens:
        print(f"# {caller.label}")
        print(f"{caller.variable}={token}")
        print(
            f'curl -s {url} -H "Authorization: Bearer ${caller.variable}" '
            f"-H 'Content-Type: application/json' -d '{json.dumps({'query': caller.query})}'\n"
        )


def _callers() -> Iterator[Caller]:
    demo = demo_ids()
    yield Caller(
        "A member looks at card, tier and points",
        "MEMBER",
        Role.MEMBER,
        "{ memberHome { displayName card { number } tier { current { name } } points { available pending } } }",
        member=demo.member_id,
    )
    yield Caller(
        "A till recognises that member by phone",
        "TILL",
        Role.TILL,
        f'{{ identifyMember(by: {{phone: "{demo.phone}"}}) '
        "{ __typename ... on RecognisedMember { maskedName tier available cardStatus } } }",
        store=demo.store_id,
        till=demo.cashier_id,
    )
    yield Caller(
        "Member services finds the same member, with identities and cards",
        "SERVICES",
        Role.MEMBER_SERVICES,
        f'{{ member(by: {{phone: "{demo.phone}"}}) {{ __typename ... on Member '
        "{ id displayName identities { nodes { kind masked } } cards { nodes { number status } } } } }",
    )
    yield Caller(
        "An approver sees which adjustments of points wait for a second person",
        "APPROVER",
        Role.APPROVER,
        "{ pendingAdjustments { nodes { points reason requestedBy requestedAt } } }",
    )
    yield Caller(
        "The till of a brand that has a brand day in the anniversary recognises the member too",
        "BRAND_TILL",
        Role.TILL,
        f'{{ identifyMember(by: {{phone: "{demo.phone}"}}) '
        "{ __typename ... on RecognisedMember { maskedName tier available cardStatus } } }",
        store=demo.store_id,
        till=demo.till_id,
        counter=demo.counter_id,
    )
    yield Caller(
        "The gift desk sees what waits to be handed over",
        "DESK",
        Role.DESK,
        "{ giftsAtDesk { __typename ... on GiftsAtDeskPayload { gifts { nodes { name state collectUntil } } } } }",
        store=demo.store_id,
        counter=demo.gift_desk_id,
    )
    yield Caller(
        "A planner looks at the campaigns",
        "PLANNER",
        Role.PLANNER,
        "{ campaigns { nodes { code phase } } }",
    )
    yield Caller(
        "Another member, of a lower tier, looks at the same",
        "SECOND_MEMBER",
        Role.MEMBER,
        "{ memberHome { displayName tier { current { name } } points { available } } }",
        member=demo.second_member_id,
    )
    yield Caller(
        "An associate of a watch brand sees who comes to the counter today",
        "ASSOCIATE",
        Role.ASSOCIATE,
        "{ counterBoard { __typename ... on CounterBoard { day appointments { appointment { startsAt state "
        "service { name } } guest { name tier } } } } }",
        store=demo.store_id,
        counter=demo.associate_counter_id,
        brand=demo.associate_brand_id,
        subject=demo.staff_number,
    )
