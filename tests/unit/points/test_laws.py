"""The laws of the ledger over any history: L1, L3, L4, L5, L7, L8, decided in memory."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.kernel.ids import new_id
from membership.members.model import MembershipKey
from membership.points.errors import AlreadyPosted, NotEnoughPoints
from membership.points.model import Account
from membership.stores.model import ReturnPolicy
from support.books import LINE_MINOR, Books, Sold

MEMBERS = 3


@dataclass(frozen=True)
class Sell:
    member: int
    awards: tuple[int, ...]
    redeem: int
    active_in_days: int
    expires_in_days: int | None


@dataclass(frozen=True)
class TakeBack:
    sale: int
    minor: tuple[int, ...]
    give_back_percent: int
    grace_days: int


@dataclass(frozen=True)
class Adjust:
    member: int
    points: int


@dataclass(frozen=True)
class Advance:
    days: int


@dataclass(frozen=True)
class Merge:
    loser: int
    winner: int


Step = Sell | TakeBack | Adjust | Advance | Merge

sells = st.builds(
    Sell,
    member=st.integers(0, MEMBERS - 1),
    awards=st.lists(st.integers(0, 60), min_size=1, max_size=3).map(tuple),
    redeem=st.sampled_from([0, 0, 10, 50, 100, 1_000]),
    active_in_days=st.sampled_from([0, 0, 3, 14]),
    expires_in_days=st.sampled_from([None, 5, 10, 30]),
)
take_backs = st.builds(
    TakeBack,
    sale=st.integers(0, 20),
    minor=st.lists(st.sampled_from([0, 1, 333, 500, LINE_MINOR]), min_size=1, max_size=3).map(tuple),
    give_back_percent=st.sampled_from([0, 50, 100]),
    grace_days=st.sampled_from([0, 7]),
)
steps = st.lists(
    st.one_of(
        sells,
        sells,
        take_backs,
        take_backs,
        st.builds(Adjust, st.integers(0, MEMBERS - 1), st.integers(-80, 80).filter(bool)),
        st.builds(Advance, st.sampled_from([1, 2, 5, 11])),
        st.builds(Merge, st.integers(0, MEMBERS - 1), st.integers(0, MEMBERS - 1)),
    ),
    max_size=20,
)
policies = st.sampled_from(ReturnPolicy)


class History:
    """Carries steps out on books. Members who were merged are found at their winner."""

    def __init__(self, policy: ReturnPolicy) -> None:
        self.books = Books(policy=policy)
        self.members = [self.books.open() for _ in range(MEMBERS)]
        self.sales: list[Sold] = []

    def take(self, step: Step) -> None:
        match step:
            case Sell():
                self._sell(step)
            case TakeBack():
                self._take_back(step)
            case Adjust():
                try:
                    self.books.adjust(self.members[step.member], step.points)
                except NotEnoughPoints as refusal:
                    assert -step.points > refusal.available_points
            case Advance():
                self.books.advance(step.days)
            case Merge():
                self._merge(self.members[step.loser], self.members[step.winner])

    def _sell(self, step: Sell) -> None:
        member = self.members[step.member]
        before = self.books.account(member)
        sold = self.books.sell(
            member,
            {place + 1: points for place, points in enumerate(step.awards)},
            redeem=step.redeem,
            active_in_days=step.active_in_days,
            expires_in_days=step.expires_in_days,
        )
        assert sold.redeemed == min(step.redeem, before.available), "L8: what is available, and nothing in debt"
        self.sales.append(sold)

    def _take_back(self, step: TakeBack) -> None:
        if not self.sales:
            return
        sold = self.sales[step.sale % len(self.sales)]
        left = {line_no: LINE_MINOR - sold.returned_minor[line_no] for line_no in sold.awards}
        returned = {place + 1: min(minor, left.get(place + 1, 0)) for place, minor in enumerate(step.minor)}
        refund = (sold.redeemed - sold.given_back) * step.give_back_percent // 100
        self.books.take_back(
            sold,
            {line_no: minor for line_no, minor in returned.items() if minor},
            give_back=refund,
            grace_days=step.grace_days,
        )

    def _merge(self, loser: MembershipKey, winner: MembershipKey) -> None:
        if loser == winner:
            return
        self.books.merge(loser, winner)
        self.members = [winner if member == loser else member for member in self.members]
        for sold in self.sales:
            if sold.membership == loser:
                sold.membership = winner


def view(account: Account) -> dict[str, int]:
    """The balances a member sees."""
    return {
        "balance": account.current_balance,
        "available": account.available,
        "pending": account.pending,
        "owed": account.owed,
        "lifetime": account.lifetime_earned,
    }


@given(policies, steps)
def test_l1_l3_l8_hold_after_every_step(policy: ReturnPolicy, steps: list[Step]) -> None:
    history = History(policy)
    for step in steps:
        history.take(step)
        history.books.check()


@given(policies, steps)
def test_posting_expiries_at_once_late_or_never_changes_no_balance(policy: ReturnPolicy, steps: list[Step]) -> None:
    """Availability is computed at `now`: the job only writes down what the clock has done already."""
    never, always = History(policy), History(policy)
    for step in steps:
        never.take(step)
        always.take(step)
        always.books.post_expiries()
        assert views(never) == views(always)
    never.books.post_expiries()
    never.books.check()
    assert [never.books.account(member).balance for member in never.members] == [
        always.books.account(member).balance for member in always.members
    ]


@given(policies, steps, sells)
def test_l4_a_sale_and_its_full_return_net_to_zero_or_to_the_recorded_shortfall(
    policy: ReturnPolicy, steps: list[Step], sell: Sell
) -> None:
    history = History(policy)
    for step in steps:
        history.take(step)
    member = history.members[sell.member]
    before = history.books.account(member)
    history.take(sell)
    sold = history.sales[-1]
    posted = history.books.take_back(sold, dict.fromkeys(sold.awards, LINE_MINOR), give_back=sold.redeemed)
    after = history.books.account(member)
    assert after.current_balance - before.current_balance == posted.shortfall
    assert after.lifetime_earned - before.lifetime_earned == posted.shortfall
    assert posted.clawed_back + posted.shortfall == sum(sold.awards.values())
    if policy is ReturnPolicy.ALLOW_NEGATIVE:
        assert posted.shortfall == 0
    history.books.check()


@given(policies, steps, st.data())
def test_l5_any_split_of_a_return_equals_one_return(
    policy: ReturnPolicy, steps: list[Step], data: st.DataObject
) -> None:
    history = History(policy)
    history.take(Sell(0, (47, 13, 29), 0, 0, 30))
    for step in steps:
        history.take(step)
    place = data.draw(st.integers(0, len(history.sales) - 1))
    at_once, in_parts = history, deepcopy(history)
    sold, sold_again = at_once.sales[place], in_parts.sales[place]
    left = {line: LINE_MINOR - sold.returned_minor[line] for line in sold.awards}
    refund = sold.redeemed - sold.given_back
    parts = data.draw(cut_up(left))

    whole = at_once.books.take_back(sold, left, give_back=refund, grace_days=7)
    pieces = []
    for number, (line, minor) in enumerate(parts):
        share = refund * (number + 1) // len(parts) - refund * number // len(parts)
        pieces.append(in_parts.books.take_back(sold_again, {line: minor}, give_back=share, grace_days=7))
        in_parts.books.check()

    assert sum(piece.lapsed for piece in pieces) == whole.lapsed
    assert sum(piece.clawed_back + piece.shortfall for piece in pieces) == whole.clawed_back + whole.shortfall
    if policy is ReturnPolicy.WITHIN_BALANCE and refund:
        # What is within the balance depends on how much has been refunded so far: what could not be taken is recorded.
        return
    assert sum(piece.shortfall for piece in pieces) == whole.shortfall
    assert views(in_parts) == views(at_once)


def cut_up(left: dict[int, int]) -> st.SearchStrategy[list[tuple[int, int]]]:
    """Amounts of lines in any order that sum to these; at least one part, perhaps of nothing."""
    pieces = [
        st.lists(st.integers(0, minor), max_size=3).map(
            lambda cuts, line=line, minor=minor: [  # type: ignore[misc]
                (line, after - before) for before, after in pairwise([0, *sorted(cuts), minor])
            ]
        )
        for line, minor in left.items()
    ]
    return st.tuples(*pieces).map(lambda lists: [part for one in lists for part in one]).flatmap(st.permutations)


@given(
    st.lists(st.one_of(sells, take_backs), max_size=6),
    st.lists(sells, min_size=2, max_size=4),
    st.sets(st.integers(0, 9), max_size=2),
    st.data(),
)
def test_l7_the_order_in_which_commuting_events_arrive_changes_no_balance(
    steps: list[Step], earnings: list[Sell], returned: set[int], data: st.DataObject
) -> None:
    """Earnings, and full returns of other sales whose points are spent, in any two orders, where debt is allowed."""
    history = History(ReturnPolicy.ALLOW_NEGATIVE)
    for step in [*steps, Sell(0, (40, 20), 0, 0, None), Sell(0, (15,), 1_000, 0, None)]:
        history.take(step)
    places = sorted({place % len(history.sales) for place in returned} | {len(history.sales) - 2})
    events: list[Callable[[History], None]] = [
        *(earn(replace(sell, member=0, redeem=0)) for sell in earnings),
        *(return_whole(place) for place in places),
    ]
    other = deepcopy(history)
    for event in events:
        event(history)
    for event in data.draw(st.permutations(events)):
        event(other)
    assert views(other) == views(history)
    other.books.check()


def earn(sell: Sell) -> Callable[[History], None]:
    return lambda history: history.take(sell)


def return_whole(place: int) -> Callable[[History], None]:
    def take_back(history: History) -> None:
        sold = history.sales[place]
        left = {line: LINE_MINOR - sold.returned_minor[line] for line in sold.awards}
        history.books.take_back(sold, left, give_back=sold.redeemed - sold.given_back, grace_days=7)

    return take_back


@given(policies, steps, sells)
def test_l2_l7_a_repeated_event_is_refused_and_changes_nothing(
    policy: ReturnPolicy, steps: list[Step], sell: Sell
) -> None:
    history = History(policy)
    for step in steps:
        history.take(step)
    sale_id = new_id()
    history.books.sell(history.members[sell.member], {1: 10}, sale_id=sale_id)
    before, entries = views(history), dict(history.books.entries)
    with pytest.raises(AlreadyPosted):
        history.books.sell(history.members[sell.member], {1: 10}, sale_id=sale_id)
    assert (views(history), history.books.entries) == (before, entries)


def views(history: History) -> list[dict[str, int]]:
    return [view(history.books.account(member)) for member in history.members]
