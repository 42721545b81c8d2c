"""Gifts, as the API shows them."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from uuid import UUID

import strawberry

from membership.campaigns.content import GiftOffer as GiftRule
from membership.campaigns.content import ThresholdPer
from membership.campaigns.model import rule_name
from membership.gifts import store
from membership.gifts.model import Gift as GiftRecord
from membership.gifts.model import GiftCause, GiftState
from membership.gifts.rules.preparing import limit_per_day
from membership.gifts.rules.waiting import place_of, wait_of
from membership.gifts.showing import ShownPool
from membership.graph.campaigns import content as campaigns_content  # noqa: F401 - describes ThresholdPer
from membership.graph.inventory import POOL, StockLevel, stock_level
from membership.graph.kit.context import RequestContext
from membership.graph.kit.enums import describe_enum
from membership.graph.kit.errors import Refusal, as_refusal
from membership.graph.kit.localisation import localised
from membership.graph.kit.money import Money, money
from membership.graph.kit.relay import Node, global_id, node_loader
from membership.inventory.errors import SoldOut
from membership.inventory.model import PoolLevel
from membership.stores.service import Directory

describe_enum(
    GiftState,
    "How far a gift is on its way.",
    {
        GiftState.CONFIRMED: "The member has it for sure; the desk has not packed it yet.",
        GiftState.READY: "It is packed and waits to be collected.",
        GiftState.COLLECTED: "It was handed over.",
        GiftState.CANCELLED: "The member gave it up, or returned what was spent for it before it was collected.",
        GiftState.FORFEITED: "It was not collected in time.",
        GiftState.CLAWBACK_DUE: "What was spent for it was returned: the member is to bring it back.",
        GiftState.RETURNED: "The member brought it back.",
        GiftState.WAIVED: "The member may keep it although what was spent for it was returned.",
    },
)
describe_enum(
    GiftCause,
    "Why a gift is in its state, or where it is.",
    {
        GiftCause.PACKED: "The desk packed it.",
        GiftCause.HANDED_OVER: "The desk handed it over.",
        GiftCause.MEMBER_CANCELLED: "The member did not want it.",
        GiftCause.NOT_COLLECTED: "Its time was over.",
        GiftCause.SPEND_RETURNED: "What was spent for it was returned.",
        GiftCause.COVERED_AGAIN: "Other receipts of its day cover it.",
        GiftCause.BROUGHT_BACK: "The member brought it back to the desk.",
        GiftCause.GOODWILL: "Member services let the member keep it, to be kind.",
        GiftCause.STORE_ERROR: "Member services let the member keep it, for a mistake of the store.",
        GiftCause.GIFT_DAMAGED: "Member services let the member keep it, since it is of no use any more.",
        GiftCause.SENT_TO_COUNTER: "It was sent to the counter of an appointment, to be collected there.",
        GiftCause.BACK_AT_DESK: "It is at its desk again, and waits for no appointment.",
    },
)


@strawberry.type(description="A member's gift.")
class Gift(Node):
    code: str = strawberry.field(
        description="What the desk types or scans, of ten characters: also as the payload of a QR code."
    )
    offer: str = strawberry.field(
        description="The campaign's code and the gift's, as in `ANNIVERSARY-2026/DAILY-GIFT`."
    )
    name: str = strawberry.field(description="What it is, in the request's language.")
    store_name: str = strawberry.field(description="The store, in the request's language.")
    desk: str = strawberry.field(
        description="Code of the counter that hands it over: its desk, or that of the appointment it waits for."
    )
    home_desk: str = strawberry.field(description="Code of its desk, which packs it and sends it to appointments.")
    day: date = strawberry.field(description="The business day that it was claimed on.")
    state: GiftState = strawberry.field(description="How far it is.")
    cause: GiftCause | None = strawberry.field(description="Why it is in that state; null since it was claimed.")
    claimed_at: datetime = strawberry.field(description="When it was claimed.")
    collect_until: datetime = strawberry.field(description="Until when it can be collected.")
    waits_for_visit_until: datetime | None = strawberry.field(
        description="Until when it waits at `desk` for an appointment, and is at its home desk again afterwards; null: "
        "it waits for none."
    )
    ready_at: datetime | None = strawberry.field(description="When it was packed.")
    collected_at: datetime | None = strawberry.field(description="When it was handed over.")
    ended_at: datetime | None = strawberry.field(description="When it came to its end, if it did.")


@strawberry.type(description="Units of a gift at one desk on one day, as the caller may claim of them.")
class GiftPool:
    pool_id: strawberry.ID = strawberry.field(description="For `claimGift` and `stockLevels`.")
    offer: str = strawberry.field(
        description="The campaign's code and the gift's, as in `ANNIVERSARY-2026/DAILY-GIFT`."
    )
    name: str = strawberry.field(description="What it is, in the request's language.")
    day: date = strawberry.field(description="The business day.")
    desk: str = strawberry.field(description="Code of the counter that hands over.")
    tiers: list[str] = strawberry.field(description="Codes of the tiers it is for; every tier if empty.")
    minimum_spend: Money | None = strawberry.field(
        description="The spend of the day, over all concessions that count, that one takes; null if none."
    )
    per: ThresholdPer | None = strawberry.field(description="How many that spend buys; null if none is asked for.")
    limit_per_member_day: int = strawberry.field(description="How many of the offer a member may claim on a day.")
    limit_per_member: int | None = strawberry.field(description="How many in all; null if there is no such limit.")
    drops_at: datetime = strawberry.field(description="From when it can be claimed.")
    closes_at: datetime = strawberry.field(description="Until when it can be claimed.")
    collect_until: datetime = strawberry.field(description="Until when what is claimed waits at the desk.")
    level: StockLevel | None = strawberry.field(description="How much is left, a quarter of a second old at most.")
    may_claim: bool = strawberry.field(description="Whether nothing is known that speaks against a claim now.")
    why_not: Refusal | None = strawberry.field(description="What a claim would be refused for now.")


async def gift_nodes(context: RequestContext, gifts: Sequence[GiftRecord]) -> list[Gift]:
    """In their order. No query for revisions that this process has seen."""
    directory = await context.directory()
    revisions = await context.services.gifts.campaigns.revisions({gift.revision_id for gift in gifts})
    nodes = []
    for gift in gifts:
        revision = revisions[gift.revision_id]
        rule = next(rule for rule in revision.content.rules_of(GiftRule) if rule.code == gift.rule_code)
        nodes.append(_gift_node(gift, revision.code, rule, directory=directory, context=context))
    return nodes


async def gift_node(context: RequestContext, gift: GiftRecord) -> Gift:
    return (await gift_nodes(context, [gift]))[0]


@node_loader("Gift")
async def load_gifts(context: RequestContext, keys: Collection[UUID]) -> dict[UUID, Node]:
    async with context.reader() as conn:
        found = list((await store.list_gifts_by_id(conn, keys)).values())
    return {gift.gift_id: node for gift, node in zip(found, await gift_nodes(context, found), strict=True)}


async def pool_nodes(context: RequestContext, shown: Sequence[ShownPool]) -> list[GiftPool]:
    """With their levels, which all requests of the process share."""
    directory = await context.directory()
    levels = await context.services.gift_levels([one.pool.pool_id for one in shown])
    return [_pool_node(one, levels.get(one.pool.pool_id), directory, context.locale) for one in shown]


def _pool_node(one: ShownPool, level: PoolLevel | None, directory: Directory, locale: str) -> GiftPool:
    rule, programme = one.entry.rule, directory.programme(one.pool.offer.programme_id)
    threshold, refusal = rule.threshold, one.refusal
    if refusal is None and level is not None and level.sold_out:
        refusal = SoldOut()
    return GiftPool(
        pool_id=global_id(POOL, one.pool.pool_id),
        offer=rule_name(one.entry.revision.code, rule.code),
        name=localised(rule.names, locale),
        day=one.pool.day,
        desk=directory.counter(one.pool.counter_id).code,
        tiers=list(one.entry.pool.tiers),
        minimum_spend=None if threshold is None else money(threshold.minimum_spend_minor, programme),
        per=None if threshold is None else threshold.per,
        limit_per_member_day=limit_per_day(rule),
        limit_per_member=rule.limit_per_member,
        drops_at=one.entry.window.drops_at,
        closes_at=one.entry.window.closes_at,
        collect_until=one.entry.collect_until,
        level=stock_level(level),
        may_claim=refusal is None,
        why_not=None if refusal is None else as_refusal(refusal),
    )


def _gift_node(
    gift: GiftRecord, campaign: str, rule: GiftRule, *, directory: Directory, context: RequestContext
) -> Gift:
    wait, locale = wait_of(gift, context.now), context.locale
    return Gift(
        id=global_id("Gift", gift.gift_id),
        code=gift.code,
        offer=rule_name(campaign, rule.code),
        name=localised(rule.names, locale),
        store_name=localised(directory.store(gift.store_id).names, locale),
        desk=directory.counter(place_of(gift, context.now)).code,
        home_desk=directory.counter(gift.counter_id).code,
        day=gift.day,
        state=gift.state,
        cause=gift.cause,
        claimed_at=gift.claimed_at,
        collect_until=gift.collect_until,
        waits_for_visit_until=None if wait is None else wait.until,
        ready_at=gift.ready_at,
        collected_at=gift.collected_at,
        ended_at=gift.ended_at,
    )
