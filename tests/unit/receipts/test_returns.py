"""Returns: laws L5 and P7 over any basket and any way of cutting a return up."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.kernel.ids import new_id
from membership.receipts.errors import (
    DuplicateLineNumber,
    EmptyBasket,
    QuantityOutOfRange,
    ReturnExceedsSale,
    SaleIsVoided,
    UnknownLine,
    VoidAfterReturn,
)
from membership.receipts.model import ReturnDecision, ReturnRequest, Sale, SaleId, SaleLine, SaleState
from membership.receipts.rules import TRANSITIONS, decide_return, decide_void
from membership.stores.model import CategoryId, CounterId, ProgrammeId, StoreId, TillId

NOON = datetime(2026, 11, 12, 4, tzinfo=UTC)


def a_sale(lines: list[SaleLine], *, state: SaleState = SaleState.COMMITTED, redeemed: int = 0) -> Sale:
    return Sale(
        sale_id=SaleId(new_id()),
        programme_id=ProgrammeId(new_id()),
        store_id=StoreId(new_id()),
        till_id=TillId(new_id()),
        counter_id=None,
        business_date=date(2026, 11, 12),
        sequence=1,
        body_hash=b"",
        member_id=None,
        quote_id=None,
        state=state,
        currency="CNY",
        net_minor=sum(line.net_minor for line in lines),
        returned_minor=sum(line.returned_minor for line in lines),
        points_redeemed=redeemed,
        points_returned=0,
        sold_at=NOON,
        committed_at=NOON,
        attached_at=None,
        inputs="",
        decision="",
        answer="",
        exceptions=(),
        lines=tuple(lines),
    )


def a_line(line_no: int, quantity: int, net_minor: int, tier_minor: int | None = None) -> SaleLine:
    return SaleLine(
        line_no=line_no,
        counter_id=CounterId(new_id()),
        category_id=CategoryId(new_id()),
        description=None,
        quantity=quantity,
        net_minor=net_minor,
        earn_minor=net_minor,
        tier_minor=net_minor if tier_minor is None else tier_minor,
        points=0,
        returned_quantity=0,
        returned_minor=0,
    )


def after(sale: Sale, decision: ReturnDecision) -> Sale:
    """The sale as the store writes it after a return."""
    returned = {entry.line.line_no: entry for entry in decision.lines}
    lines = tuple(
        replace(
            line,
            returned_quantity=returned[line.line_no].returned_quantity,
            returned_minor=returned[line.line_no].returned_minor,
        )
        if line.line_no in returned
        else line
        for line in sale.lines
    )
    return replace(
        sale,
        lines=lines,
        state=decision.state,
        returned_minor=sale.returned_minor + decision.amount_minor,
        points_returned=sale.points_returned + decision.points_given_back,
    )


@st.composite
def sales_and_parts(draw: st.DrawFn) -> tuple[Sale, dict[int, int], list[list[ReturnRequest]]]:
    """A sale, the base points of its lines, and a random way to return all of it in parts."""
    lines = []
    for line_no in range(1, draw(st.integers(1, 5)) + 1):
        net = draw(st.integers(0, 10_000_000))
        lines.append(a_line(line_no, draw(st.integers(1, 6)), net, draw(st.integers(0, net))))
    sale = a_sale(lines, redeemed=draw(st.integers(0, 100_000)))
    base = {line.line_no: draw(st.integers(0, 100_000)) for line in lines}
    units = draw(st.permutations([line.line_no for line in lines for _ in range(line.quantity)]))
    parts: list[list[ReturnRequest]] = []
    while units:
        taken, units = units[: (size := draw(st.integers(1, len(units))))], units[size:]
        parts.append([ReturnRequest(line_no, taken.count(line_no)) for line_no in sorted(set(taken))])
    return sale, base, parts


@given(sales_and_parts())
def test_any_split_of_a_return_equals_one_return(case: tuple[Sale, dict[int, int], list[list[ReturnRequest]]]) -> None:
    """L5: amounts, tier spend, base points and points given back sum to those of one whole return."""
    sale, base, parts = case
    whole = decide_return(sale, [ReturnRequest(line.line_no, line.quantity) for line in sale.lines], base)
    decisions = []
    current = sale
    for part in parts:
        decision = decide_return(current, part, base)
        decisions.append(decision)
        current = after(current, decision)
    for amount in ("amount_minor", "tier_minor", "base_points", "points_given_back"):
        assert sum(getattr(decision, amount) for decision in decisions) == getattr(whole, amount)
    assert current.state is whole.state is SaleState.RETURNED


@given(sales_and_parts())
def test_a_whole_return_takes_exactly_what_the_sale_gave(
    case: tuple[Sale, dict[int, int], list[list[ReturnRequest]]],
) -> None:
    """L4, as far as receipts know: nothing of the sale is left, and no part ever takes a negative amount."""
    sale, base, parts = case
    current = sale
    for part in parts:
        decision = decide_return(current, part, base)
        assert min(decision.amount_minor, decision.tier_minor, decision.base_points, decision.points_given_back) >= 0
        current = after(current, decision)
    assert current.returned_minor == sale.net_minor
    assert current.points_returned == sale.points_redeemed


def test_more_than_was_sold_is_refused() -> None:
    """P7"""
    sale = a_sale([replace(a_line(1, 3, 300), returned_quantity=2, returned_minor=200)])
    with pytest.raises(ReturnExceedsSale) as refusal:
        decide_return(sale, [ReturnRequest(1, 2)], {})
    assert refusal.value.facts() == {"line_no": 1, "returnable": 1}


@pytest.mark.parametrize(
    ("requests", "refusal"),
    [
        ([], EmptyBasket),
        ([ReturnRequest(9, 1)], UnknownLine),
        ([ReturnRequest(1, 0)], QuantityOutOfRange),
        ([ReturnRequest(1, -1)], QuantityOutOfRange),
        ([ReturnRequest(1, 1), ReturnRequest(1, 1)], DuplicateLineNumber),
    ],
)
def test_malformed_returns_are_refused(requests: list[ReturnRequest], refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        decide_return(a_sale([a_line(1, 3, 300)]), requests, {})


@pytest.mark.parametrize("state", SaleState)
@pytest.mark.parametrize("next_state", SaleState)
def test_every_pair_of_sale_states(state: SaleState, next_state: SaleState) -> None:
    """What the rules do from each state is what the table says may be done."""
    returned = {SaleState.PART_RETURNED: 1, SaleState.RETURNED: 2}.get(state, 0)
    line = replace(a_line(1, 2, 200), returned_quantity=returned, returned_minor=100 * returned)
    sale = a_sale([line], state=state)
    reached: set[SaleState] = set()
    attempts: tuple[Callable[[], ReturnDecision], ...] = (
        lambda: decide_void(sale, {}),
        lambda: decide_return(sale, [ReturnRequest(1, 1)], {}),
        lambda: decide_return(sale, [ReturnRequest(1, 2 - returned)], {}),
    )
    for attempt in attempts:
        try:
            reached.add(attempt().state)
        except (SaleIsVoided, VoidAfterReturn, ReturnExceedsSale, QuantityOutOfRange):
            continue
    if (state, next_state) == (SaleState.PART_RETURNED, SaleState.PART_RETURNED):
        sale_of_three = a_sale([replace(a_line(1, 3, 300), returned_quantity=1, returned_minor=100)], state=state)
        reached.add(decide_return(sale_of_three, [ReturnRequest(1, 1)], {}).state)
    assert (next_state in reached) == (next_state in TRANSITIONS[state])
