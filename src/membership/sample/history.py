"""One membership's year, posted by the rules that tills, points and tiers go by, in order of time."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from membership.campaigns.engine import days_from_birthday, decide_sale
from membership.campaigns.engine.sale import NO_REVISIONS
from membership.campaigns.model import CampaignRevision, CouponId, MemberFacts, RevisionId, SaleDecision, SaleFacts
from membership.gifts.model import DayLine
from membership.members.model import Birthday, MembershipKey
from membership.points.model import Account, ReturnedLine, ReturnPosted, SalePosting
from membership.points.rules import activates_at, expires_at, grace_until
from membership.postgres.json import to_json
from membership.receipts.model import (
    Basket,
    DaySpend,
    ReturnDecision,
    ReturnId,
    ReturnKind,
    ReturnRequest,
    Sale,
    SaleId,
    SaleLine,
    SaleState,
)
from membership.receipts.rules import decide_return, decide_void
from membership.receipts.store import NewReturn
from membership.sample.books import Books
from membership.sample.moments import MomentIds
from membership.sample.part import Part
from membership.sample.paying import paid_basket
from membership.sample.place import Place, PostedSale, facts_of, record_sale
from membership.sample.plan import PlannedReturn, PlannedSale
from membership.sample.standings import Rank, Standings
from membership.stores.model import Store
from membership.stores.rules import business_date
from membership.tills.model import MemberAfter, ReturnAnswer
from membership.tills.posting import revision_of
from membership.tills.rules import (
    base_points_by_line,
    body_hash,
)


@dataclass(frozen=True, slots=True)
class PostedReturn:
    entry: NewReturn
    returned_at: datetime


class History:
    """Posts one membership's sales and returns."""

    def __init__(
        self,
        place: Place,
        membership: MembershipKey,
        birthday: Birthday | None,
        ids: MomentIds,
        *,
        rank: Rank | None = None,
    ) -> None:
        self._place = place
        self._birthday = birthday
        self._ids = ids
        self.membership = membership
        self.books = Books(membership, place.store, ids)
        self.standings = Standings(membership.member_id, place.ladders, store=place.store, ids=ids, rank=rank)
        self.part: Part | None = None
        self.sales: dict[SaleId, PostedSale] = {}
        self.returns: list[PostedReturn] = []
        self._decisions: dict[SaleId, SaleDecision] = {}

    @property
    def store(self) -> Store:
        return self._place.store

    def pass_time(self, day: date, now: datetime) -> None:
        """What jobs have done by then: expired lots, reviews of tiers, ranks."""
        self.books.expire_until(now)
        if self.part is not None:
            self.part.pass_time(now, self._tier_then)
        self.standings.live_until(day)

    def lines_of(self, day: date) -> list[DayLine]:
        """What of a day's receipts was paid and kept, as gifts with a threshold count it."""
        return [
            DayLine(sale.sale_id, line.line_no, line.counter_id, line.category_id, _paid_and_kept(line))
            for sale in (posted.sale for posted in self.sales.values())
            if sale.business_date == day and sale.state in (SaleState.COMMITTED, SaleState.PART_RETURNED)
            for line in sale.lines
        ]

    def sell(self, planned: PlannedSale) -> SaleId:
        place, now, day = self._place, planned.sold_at, planned.business_date
        self.pass_time(day, now)
        tier, account = self.standings.tier_on(day), self.books.account(now)
        member = self._member_facts(tier, day, now)
        basket, facts = self._paid(planned, member, account)
        decision = decide_sale(facts, place.terms.terms, self._revisions)
        sale_id = SaleId(self._ids.at(now)())
        posted = self.books.post_sale(
            SalePosting(
                sale_id=sale_id,
                business_date=day,
                occurred_at=now,
                revision=revision_of(self._place.terms.revision),
                awards=decision.awards,
                activates_at=activates_at(place.terms.terms, place.store, day),
                expires_at=expires_at(place.terms.terms, place.store, day),
                redeem_points=basket.points_to_spend,
                hold_id=None,
                account=account,
            ),
            now,
        )
        spend = DaySpend(day, decision.tier_minor, decision.base_points)
        tier_after = self.standings.spend(spend, today=day, now=now)
        self.sales[sale_id] = record_sale(
            place,
            planned,
            basket,
            sale_id=sale_id,
            facts=facts,
            decision=decision,
            member=self._after(posted.account, tier, tier_after),
        )
        self._decisions[sale_id] = decision
        if self.part is not None:
            self.part.sold(sale_id, decision, day, tier=tier_after, now=now)
        return sale_id

    def take_back(self, sale_id: SaleId, back: PlannedReturn) -> None:
        """A void or a return of a sale of this history."""
        self.pass_time(back.business_date, back.at)
        posted_sale = self.sales[sale_id]
        sale = posted_sale.sale
        base_points = base_points_by_line(self._decisions[sale_id])
        if back.kind is ReturnKind.VOID:
            decision = decide_void(sale, base_points)
        else:
            requests = back.lines or tuple(ReturnRequest(line.line_no, line.quantity) for line in sale.lines)
            decision = decide_return(sale, requests, base_points)
        return_id = ReturnId(self._ids.at(back.at)())
        tier = self.standings.tier_on(back.business_date)
        posted = self._post_return(sale, decision, return_id, back)
        taken_off = DaySpend(sale.business_date, -decision.tier_minor, -decision.base_points)
        tier_after = self.standings.spend(taken_off, today=back.business_date, now=back.at)
        answer = ReturnAnswer(
            return_id=return_id,
            sale_id=sale_id,
            kind=back.kind,
            state=decision.state,
            amount_minor=decision.amount_minor,
            points_clawed_back=posted.clawed_back,
            points_given_back=posted.given_back,
            points_shortfall=posted.shortfall,
            member=self._after(posted.account, tier, tier_after),
            discount_minor=decision.discount_minor,
            coupons=self._coupons_back(sale, decision, back),
        )
        posted_sale.sale = _returned(sale, decision)
        self.returns.append(PostedReturn(self._new_return(sale, decision, posted, answer, back), back.at))

    def _coupons_back(self, sale: Sale, decision: ReturnDecision, back: PlannedReturn) -> tuple[CouponId, ...]:
        if self.part is None:
            return ()
        wholly = decision.state is not SaleState.PART_RETURNED
        day, returned_on = sale.business_date, back.business_date
        return self.part.came_back(sale.sale_id, day, returned_on, wholly=wholly, now=back.at)

    def _post_return(
        self, sale: Sale, decision: ReturnDecision, return_id: ReturnId, back: PlannedReturn
    ) -> ReturnPosted:
        terms = self._place.terms.terms
        return self.books.post_return(
            return_id=return_id,
            sale_id=sale.sale_id,
            returned_on=back.business_date,
            revision=revision_of(self._place.terms.revision),
            lines=tuple(
                ReturnedLine(entry.line.line_no, entry.line.net_minor, entry.returned_minor) for entry in decision.lines
            ),
            give_back_points=decision.points_given_back,
            policy=terms.return_policy,
            grace_until=grace_until(terms, self._place.store, back.business_date),
            now=back.at,
        )

    def _new_return(
        self, sale: Sale, decision: ReturnDecision, posted: ReturnPosted, answer: ReturnAnswer, back: PlannedReturn
    ) -> NewReturn:
        voided = back.kind is ReturnKind.VOID
        requests = [[entry.line.line_no, entry.quantity] for entry in decision.lines]
        return NewReturn(
            return_id=ReturnId(answer.return_id),
            sale_id=sale.sale_id,
            kind=back.kind,
            store_id=sale.store_id,
            till_id=sale.till_id,
            business_date=back.business_date,
            sequence=None if voided else self._place.numbers.next(sale.till_id, back.business_date),
            body_hash=body_hash(back.kind, None, str(sale.sale_id), requests),
            decision=decision,
            points_clawed_back_by_line=dict(posted.clawed_back_by_line),
            points_given_back=posted.given_back,
            points_shortfall=posted.shortfall,
            exchanged_for=None,
            answer=to_json(answer),
        )

    @property
    def _revisions(self) -> Mapping[RevisionId, CampaignRevision]:
        return NO_REVISIONS if self.part is None else self.part.revisions

    def _tier_then(self, at: datetime) -> str:
        day = business_date(self.store, at)
        self.standings.live_until(day)
        return self.standings.tier_on(day)

    def _paid(self, planned: PlannedSale, member: MemberFacts, account: Account) -> tuple[Basket, SaleFacts]:
        """The basket as it is paid: what coupons take off is not, and of the rest a part may be paid with points."""
        place, day, at = self._place, planned.business_date, planned.sold_at
        issuing = () if self.part is None else self.part.issuing(at)
        wanted: tuple[CouponId, ...] | None = () if self.part is not None else None
        discount_minor = 0
        if self.part is not None and self.part.wants_to_use_coupons(at):
            wanted = None
            asked = facts_of(place, planned.receipt.basket, day, at, member, issuing=issuing)
            discount_minor = decide_sale(asked, place.terms.terms, self._revisions).discount_minor
        basket, value_minor = paid_basket(planned, place.terms.terms.redemption, member.tier, account, discount_minor)
        return basket, facts_of(
            place, basket, day, at, member, points_value_minor=value_minor, issuing=issuing, coupons_wanted=wanted
        )

    def _member_facts(self, tier: str, day: date, at: datetime) -> MemberFacts:
        birthday, part = self._birthday, self.part
        return MemberFacts(
            tier,
            None if birthday is None else days_from_birthday(birthday.month, birthday.day, day),
            coupons=() if part is None else part.wallet.facts(at),
            earned_before=() if part is None else part.earned_before(day),
        )

    def _after(self, account: Account, tier: str, tier_after: str) -> MemberAfter:
        return MemberAfter(
            member_id=self.membership.member_id,
            tier=tier_after,
            tier_changed=tier_after != tier,
            available=account.available,
            pending=account.pending,
            balance=account.current_balance,
            debt=account.debt,
        )


def _paid_and_kept(line: SaleLine) -> int:
    return line.net_minor - line.discount_minor - line.returned_minor + line.returned_discount_minor


def _returned(sale: Sale, decision: ReturnDecision) -> Sale:
    changed = {entry.line.line_no: entry for entry in decision.lines}
    return replace(
        sale,
        state=decision.state,
        returned_minor=sale.returned_minor + decision.amount_minor,
        points_returned=sale.points_returned + decision.points_given_back,
        returned_discount_minor=sale.returned_discount_minor + decision.discount_minor,
        lines=tuple(
            replace(
                line,
                returned_quantity=changed[line.line_no].returned_quantity,
                returned_minor=changed[line.line_no].returned_minor,
                returned_discount_minor=line.returned_discount_minor + changed[line.line_no].discount_minor,
            )
            if line.line_no in changed
            else line
            for line in sale.lines
        ),
    )
