"""What the sample shows beside people's histories: receipts without a member, a waiting adjustment, awarded ranks."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from membership.campaigns.engine import decide_sale
from membership.points.model import AdjustmentState
from membership.receipts.model import SaleId
from membership.sample import identifiers as ids
from membership.sample.cast import receipt_at
from membership.sample.copying import Batch
from membership.sample.files import CastRow, sample_people
from membership.sample.moments import MomentIds
from membership.sample.place import Place, PostedSale, facts_of, record_sale
from membership.sample.plan import PlannedSale
from membership.sample.ranking import Contests
from membership.sample.records import add_sales
from membership.sample.tables import ADJUSTMENTS, RANK_AWARDS
from membership.stores.rules import business_date, business_day_starts

_ANONYMOUS_DAYS = 9
_ANONYMOUS_A_DAY = 5
_REQUESTED_BY = "sample.member.services"
_FORGOTTEN_AT, _FORGOTTEN_MINOR = "1F-MIRELIS", 1_280_00
"""Where somebody bought without a card today, and for how much: the receipt to try attaching with."""


@dataclass(frozen=True, slots=True)
class ForgottenReceipt:
    """A sale of today without a member, as its paper names it."""

    till: str
    business_date: date
    sequence: int
    net_minor: int


def add_anonymous_sales(batch: Batch, place: Place, rng: Random, today: date) -> None:
    """The last days' receipts without a member; some are too old to be attached."""
    habit = sample_people().habits[0]
    sales = []
    for days_ago in range(_ANONYMOUS_DAYS, 0, -1):
        day = today - timedelta(days=days_ago)
        for _ in range(_ANONYMOUS_A_DAY if place.season.opens(day) else 0):
            sold_at = place.season.pick_moment(rng, day)
            sales.append(PlannedSale(sold_at, day, place.shop.receipt(rng, habit), 0, None))
    add_sales(batch, (_anonymous(place, sale, rng) for sale in sorted(sales, key=lambda sale: sale.sold_at)))


def add_forgotten_receipt(batch: Batch, place: Place, rng: Random, now: datetime) -> ForgottenReceipt:
    sold_at = now - timedelta(minutes=50)
    receipt = receipt_at(_FORGOTTEN_AT, _FORGOTTEN_MINOR, place.sample)
    posted = _anonymous(place, PlannedSale(sold_at, business_date(place.store, sold_at), receipt, 0, None), rng)
    add_sales(batch, [posted])
    return ForgottenReceipt(
        ids.till_code_of(_FORGOTTEN_AT), posted.sale.business_date, posted.sale.sequence, posted.sale.net_minor
    )


def add_pending_adjustments(batch: Batch, cast: Iterable[CastRow], now: datetime) -> None:
    for row in cast:
        if row.pending_adjustment_points is not None:
            batch.add(
                ADJUSTMENTS,
                (
                    ids.adjustment_id(row.code),
                    ids.member_id(row.code),
                    ids.programme_id(row.programme),
                    row.pending_adjustment_points,
                    "A receipt from before the move to this programme",
                    AdjustmentState.PENDING_APPROVAL.value,
                    _REQUESTED_BY,
                    now - timedelta(hours=3),
                ),
            )


def add_awards(batch: Batch, contests: Contests, today: date) -> None:
    """So that the job does not award the same ranks again."""
    for programme_id, contest in contests.by_programme.items():
        starts_on, ends_on = contest.benefit
        if today < ends_on:
            awarded_at = business_day_starts(contest.place.store, starts_on)
            revision = contest.place.ladders[-1].revision
            batch.add(
                RANK_AWARDS, (programme_id, contest.tier.code, contest.starts_on, starts_on, revision, awarded_at)
            )


def _anonymous(place: Place, sale: PlannedSale, rng: Random) -> PostedSale:
    facts = facts_of(place, sale.receipt.basket, sale.business_date, sale.sold_at, None)
    return record_sale(
        place,
        sale,
        sale.receipt.basket,
        sale_id=SaleId(MomentIds(rng).at(sale.sold_at)()),
        facts=facts,
        decision=decide_sale(facts, place.terms.terms),
        member=None,
    )
