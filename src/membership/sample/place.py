"""A store with its programme's rules, as its members' histories need them, and a receipt as it stores one."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from membership.campaigns.model import CampaignRevision, CouponId, MemberFacts, SaleDecision, SaleFacts
from membership.members.model import MemberId
from membership.postgres.json import to_json
from membership.receipts.model import Basket, Sale, SaleId, SaleLine, SaleState
from membership.sample import identifiers as ids
from membership.sample.baskets import Shop
from membership.sample.configuration import sample_configuration, sample_ladders
from membership.sample.files import SampleProgramme
from membership.sample.plan import PlannedSale
from membership.sample.seasons import Season, season_of
from membership.stores.model import Programme, Store, TenderType, TermsRevision, TillId
from membership.stores.service import Directory
from membership.tiers.model import LadderRevision
from membership.tills.model import MemberAfter, SaleAnswer
from membership.tills.rules import body_hash, sale_facts

_LANGUAGE = {"CHAOYANG": "zh-CN", "HANGANG": "ko", "BROMPTON": "en"}
"""In which a store prints its receipts."""


class Numbers:
    """Receipt numbers: each till counts its own, every business day anew."""

    def __init__(self) -> None:
        self._last: defaultdict[tuple[TillId, date], int] = defaultdict(int)

    def next(self, till_id: TillId, day: date) -> int:
        self._last[till_id, day] += 1
        return self._last[till_id, day]


@dataclass(frozen=True, slots=True)
class Place:
    """One store. `numbers` is the only part that changes."""

    sample: SampleProgramme
    directory: Directory
    programme: Programme
    store: Store
    terms: TermsRevision
    ladders: tuple[LadderRevision, ...]
    tender_types: Mapping[str, TenderType]
    shop: Shop
    season: Season
    numbers: Numbers = field(default_factory=Numbers)


def place_of(sample: SampleProgramme, first_day: date, last_day: date) -> Place:
    """A store with its season from `first_day` to `last_day`."""
    directory = Directory(sample_configuration())
    programme = directory.programme(ids.programme_id(sample.programme.code))
    store = directory.store(ids.store_id(sample.store.code))
    return Place(
        sample=sample,
        directory=directory,
        programme=programme,
        store=store,
        terms=programme.terms[-1],
        ladders=(sample_ladders()[programme.programme_id],),
        tender_types=directory.tender_types(programme.programme_id),
        shop=Shop(sample, _LANGUAGE[programme.code]),
        season=season_of(store, sample.events, first_day, last_day),
    )


@dataclass(slots=True)
class PostedSale:
    """A sale as it stands after its returns, with the basket as reported."""

    sale: Sale
    basket: Basket


def facts_of(
    place: Place,
    basket: Basket,
    business_date: date,
    at: datetime,
    member: MemberFacts | None,
    *,
    points_value_minor: int = 0,
    issuing: Sequence[CampaignRevision] = (),
    coupons_wanted: tuple[CouponId, ...] | None = None,
) -> SaleFacts:
    return sale_facts(
        place.directory,
        basket,
        business_date=business_date,
        terms_revision=place.terms.revision,
        ladder_revision=place.ladders[-1].revision,
        member=member,
        points_value_minor=points_value_minor,
        tender_types=place.tender_types,
        store=place.store,
        at=at,
        issuing=issuing,
        coupons_wanted=coupons_wanted,
    )


def record_sale(
    place: Place,
    sold: PlannedSale,
    basket: Basket,
    *,
    sale_id: SaleId,
    facts: SaleFacts,
    decision: SaleDecision,
    member: MemberAfter | None,
) -> PostedSale:
    """The sale as `tills` would have stored it."""
    counters = {line.counter_id for line in basket.lines}
    answer = _answer(place, sold, basket, sale_id=sale_id, decision=decision, member=member)
    sale = Sale(
        sale_id=sale_id,
        programme_id=place.programme.programme_id,
        store_id=place.store.store_id,
        till_id=sold.receipt.till_id,
        counter_id=counters.pop() if len(counters) == 1 else None,
        business_date=sold.business_date,
        sequence=answer.sequence,
        body_hash=body_hash("SALE", basket, sold.sold_at),
        member_id=MemberId(member.member_id) if member else None,
        quote_id=None,
        state=SaleState.COMMITTED,
        currency=basket.currency,
        net_minor=basket.net_minor,
        returned_minor=0,
        points_redeemed=basket.points_to_spend,
        points_returned=0,
        sold_at=sold.sold_at,
        committed_at=sold.sold_at,
        attached_at=None,
        inputs=to_json(facts),
        decision=to_json(decision),
        answer=to_json(answer),
        exceptions=(),
        lines=_lines(basket, decision),
        discount_minor=decision.discount_minor,
    )
    return PostedSale(sale, basket)


def _answer(
    place: Place,
    sold: PlannedSale,
    basket: Basket,
    *,
    sale_id: SaleId,
    decision: SaleDecision,
    member: MemberAfter | None,
) -> SaleAnswer:
    return SaleAnswer(
        sale_id=sale_id,
        business_date=sold.business_date,
        sequence=place.numbers.next(sold.receipt.till_id, sold.business_date),
        currency=basket.currency,
        net_minor=basket.net_minor,
        decision=decision,
        points_earned=decision.points,
        points_redeemed=basket.points_to_spend,
        exceptions=(),
        member=member,
        discount_minor=decision.discount_minor,
    )


def _lines(basket: Basket, decision: SaleDecision) -> tuple[SaleLine, ...]:
    return tuple(
        SaleLine(
            line_no=line.line_no,
            counter_id=line.counter_id,
            category_id=line.category_id,
            description=line.description,
            quantity=line.quantity,
            net_minor=line.net_minor,
            earn_minor=judged.earn_minor,
            tier_minor=judged.tier_minor,
            points=judged.points,
            returned_quantity=0,
            returned_minor=0,
            discount_minor=judged.discount_minor,
        )
        for line, judged in zip(basket.lines, decision.lines, strict=True)
    )
