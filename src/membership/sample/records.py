"""A finished history as records of points, receipts and tiers."""

from collections.abc import Iterable, Mapping

from membership.members.model import MembershipKey
from membership.points.model import RecordedEntry
from membership.postgres.json import to_json
from membership.sample.anniversary_records import add_part
from membership.sample.books import Books, KeptLot
from membership.sample.copying import Batch, Record
from membership.sample.history import History, PostedReturn
from membership.sample.place import PostedSale
from membership.sample.standings import RecordedGrant, RecordedReview, Standings
from membership.sample.tables import (
    ACCOUNTS,
    BUSINESS_DAYS,
    ENTRIES,
    GRANTS,
    LINES,
    LOT_USES,
    LOTS,
    RETURN_LINES,
    RETURNS,
    REVIEWS,
    SALES,
    STANDINGS,
    TENDERS,
)


def add_history(batch: Batch, history: History) -> None:
    add_books(batch, history.membership, history.books)
    add_sales(batch, history.sales.values())
    for posted in history.returns:
        _add_return(batch, posted)
    add_standings(batch, history.membership, history.standings)
    if history.part is not None:
        add_part(batch, history.membership, history.part, history.sales)


def add_sales(batch: Batch, sales: Iterable[PostedSale]) -> None:
    for posted in sales:
        sale = posted.sale
        batch.add(SALES, _sale_record(posted))
        batch.add(
            LINES,
            *(
                (
                    sale.sale_id,
                    line.line_no,
                    line.counter_id,
                    line.category_id,
                    line.description,
                    line.quantity,
                    line.net_minor,
                    line.earn_minor,
                    line.tier_minor,
                    line.points,
                    line.returned_quantity,
                    line.returned_minor,
                    line.discount_minor,
                    line.returned_discount_minor,
                )
                for line in sale.lines
            ),
        )
        batch.add(
            TENDERS,
            *(
                (sale.sale_id, number, tender.tender_type, tender.amount_minor)
                for number, tender in enumerate(posted.basket.tenders, start=1)
            ),
        )


def add_books(batch: Batch, key: MembershipKey, books: Books) -> None:
    account = books.account_as_stored()
    batch.add(ACCOUNTS, (key.member_id, key.programme_id, account.balance, account.debt, account.lifetime_earned))
    batch.add(ENTRIES, *(_entry_record(recorded) for recorded in books.entries))
    batch.add(LOTS, *(_lot_record(kept) for kept in books.kept_lots()))
    batch.add(LOT_USES, *((use.lot_id, use.entry_id, use.points) for use in books.uses))


def _entry_record(recorded: RecordedEntry) -> Record:
    entry = recorded.entry
    return (
        entry.entry_id,
        entry.membership.member_id,
        entry.membership.programme_id,
        entry.kind.value,
        entry.debit.value,
        entry.credit.value,
        entry.points,
        entry.cause_event,
        entry.cause_item,
        entry.cause_revision,
        entry.sale_id,
        entry.occurred_at,
        recorded.recorded_at,
        entry.business_date,
    )


def _lot_record(kept: KeptLot) -> Record:
    lot = kept.lot
    return (
        lot.lot_id,
        lot.membership.member_id,
        lot.membership.programme_id,
        kept.entry_id,
        lot.sale_id,
        lot.line_no,
        lot.rule,
        lot.revision,
        lot.points,
        lot.remaining,
        lot.reversed,
        lot.expired,
        lot.activates_at,
        lot.expires_at,
    )


def add_standings(batch: Batch, key: MembershipKey, standings: Standings) -> None:
    batch.add(
        BUSINESS_DAYS,
        *(
            (key.member_id, key.programme_id, day.business_date, day.tier_minor, day.base_points)
            for day in standings.days
        ),
    )

    if standings.never_changed:
        return
    batch.add(STANDINGS, _standing_record(key, standings))
    for given in standings.grants:
        batch.add(GRANTS, _grant_record(key, given, standings.ladder.levels))
    for recorded in standings.reviews:
        batch.add(REVIEWS, _review_record(key, recorded, overturned=standings.is_overturned(recorded.review)))


def _review_record(key: MembershipKey, recorded: RecordedReview, *, overturned: bool) -> Record:
    review, decision = recorded.review, recorded.review.decision
    return (
        review.review_id,
        key.member_id,
        key.programme_id,
        decision.step.value,
        decision.due_on,
        review.effective_on,
        decision.from_tier,
        decision.to_tier,
        review.ladder_revision,
        recorded.reviewed_at,
        overturned,
    )


def _standing_record(key: MembershipKey, standings: Standings) -> Record:
    hold, warning = standings.standing.hold, standings.warning
    return (
        key.member_id,
        key.programme_id,
        hold.tier,
        hold.level,
        hold.since,
        hold.ends_on,
        to_json(standings.standing.upcoming),
        warning.tier if warning else None,
        warning.due_on if warning else None,
        standings.review_on,
        standings.ladder.revision,
    )


def _grant_record(key: MembershipKey, given: RecordedGrant, levels: Mapping[str, int]) -> Record:
    grant, rank = given.grant, given.grant.rank
    basis: tuple[object, ...] = (None,) * 5
    if rank is not None:
        basis = (rank.rank, rank.cap, rank.period_starts_on, rank.period_ends_on, rank.floor_minor)
    return (
        grant.grant_id,
        key.member_id,
        key.programme_id,
        grant.tier,
        levels[grant.tier],
        grant.source.value,
        grant.criterion,
        grant.qualified_on,
        grant.starts_on,
        grant.ends_on,
        grant.ladder_revision,
        *basis,
        given.granted_at,
        given.rescinded_at,
        given.rescinded_because.value if given.rescinded_because else None,
    )


def _sale_record(posted: PostedSale) -> Record:
    sale = posted.sale
    return (
        sale.sale_id,
        sale.programme_id,
        sale.store_id,
        sale.till_id,
        sale.counter_id,
        sale.business_date,
        sale.sequence,
        sale.body_hash,
        sale.member_id,
        sale.state.value,
        sale.currency,
        sale.net_minor,
        sale.returned_minor,
        sale.points_redeemed,
        sale.points_returned,
        sale.sold_at,
        sale.committed_at,
        to_json(posted.basket),
        sale.inputs,
        sale.decision,
        "[]",
        sale.answer,
        sale.discount_minor,
        sale.returned_discount_minor,
    )


def _add_return(batch: Batch, posted: PostedReturn) -> None:
    entry, decision = posted.entry, posted.entry.decision
    clawed_back = entry.points_clawed_back_by_line
    batch.add(
        RETURNS,
        (
            entry.return_id,
            entry.sale_id,
            entry.kind.value,
            entry.store_id,
            entry.till_id,
            entry.business_date,
            entry.sequence,
            entry.body_hash,
            decision.amount_minor,
            sum(clawed_back.values()),
            entry.points_given_back,
            entry.points_shortfall,
            posted.returned_at,
            entry.answer,
            decision.discount_minor,
        ),
    )
    batch.add(
        RETURN_LINES,
        *(
            (
                entry.return_id,
                line.line.line_no,
                line.quantity,
                line.amount_minor,
                clawed_back.get(line.line.line_no, 0),
                line.discount_minor,
            )
            for line in decision.lines
        ),
    )
