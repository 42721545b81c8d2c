"""Members and their year, in batches. The same seed, size and day give the same people, receipts and points.

Each person is drawn from a chance of their own, seeded by who they are, so that batches need no memory of each other
beside counted numbers (cards, serials, receipts). Who spent enough to be ranked among the best is set aside and made
anew at the end, when the ranks are known.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from itertools import islice
from random import Random
from typing import NamedTuple

from membership.members.keyring import Keyring
from membership.members.model import MemberId, MembershipKey
from membership.receipts.model import SaleId
from membership.sample import identifiers as ids
from membership.sample.anniversary import ANNIVERSARY_OF, last_anniversary
from membership.sample.bookings import Bookings
from membership.sample.cast import YEARS_A_MEMBER, birthday_of, scripted
from membership.sample.copying import Batch
from membership.sample.enrolment import CardWish, Enrolment, Joining, wished_cards
from membership.sample.extras import (
    ForgottenReceipt,
    add_anonymous_sales,
    add_awards,
    add_forgotten_receipt,
    add_pending_adjustments,
)
from membership.sample.files import CastRow, sample_cast, sample_people, sample_programmes
from membership.sample.history import History
from membership.sample.memory import Memory
from membership.sample.moments import MomentIds
from membership.sample.people import Crowd, Person
from membership.sample.place import Place, place_of
from membership.sample.plan import PlannedReturn, PlannedSale, plan_year
from membership.sample.ranking import Contests
from membership.sample.records import add_history
from membership.sample.standings import Rank
from membership.stores.model import ProgrammeId
from membership.stores.rules import business_date, local_instant

HISTORY_DAYS = 395
"""A year and a month: the first points expire within it."""

_MEMBERS_OF_A_BATCH = 250
_LONGEST_MEMBERSHIP_DAYS = 6 * 365
_JOINED_BEFORE_PERCENT = 80
_TWO_PROGRAMMES_PERCENT = 3
_TURN = ("CHAOYANG", "HANGANG", "CHAOYANG", "BROMPTON")
"""Whose programme the next person joins."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a sample is made from. Histories end the day before `today`."""

    members: int
    seed: int
    today: date
    now: datetime

    @property
    def first_day(self) -> date:
        return self.today - timedelta(days=HISTORY_DAYS)

    def chance(self, *name: object) -> Random:
        """The chance of one person or thing, the same whenever it is asked for."""
        return Random("/".join(str(part) for part in (self.seed, *name)))  # noqa: S311 - it must be repeatable


Ranks = Mapping[ProgrammeId, Mapping[MemberId, Rank]]
"""By programme and member; empty while ranks are not known."""


class Turn(NamedTuple):
    """A person of the crowd: whose programme, and the how-manieth there."""

    programme: str
    number: int


@dataclass(frozen=True, slots=True)
class Life:
    """A person with the history of each membership, one as a rule."""

    member_id: MemberId
    person: Person
    joining: Joining
    cards: CardWish
    histories: tuple[History, ...]

    def undo(self) -> None:
        """It is made anew later: what it took of others is theirs again."""
        for history in self.histories:
            if history.part is not None:
                history.part.undo()


class Newcomer(NamedTuple):
    """A person of the crowd, before any history. `since`: the first day on which they may buy as a member."""

    member_id: MemberId
    person: Person
    joining: Joining
    since: date


class Generator:
    """Makes the batches of one sample, once."""

    def __init__(self, recipe: Recipe, keyring: Keyring) -> None:
        self._recipe = recipe
        self._enrolment = Enrolment(keyring)
        self._places = {
            sample.programme.code: place_of(sample, recipe.first_day, recipe.today - timedelta(days=1))
            for sample in sample_programmes()
        }
        self._crowds = {code: Crowd(code) for code in self._places}
        self._contests = Contests(list(self._places.values()), recipe.today)
        self._contending: list[Callable[[Ranks], Life]] = []
        self._keyring = keyring
        place = self._places[ANNIVERSARY_OF]
        self._last_anniversary = last_anniversary(place, recipe.first_day, recipe.now)
        self._bookings = Bookings(self._places, self._last_anniversary, recipe.chance, recipe.now)
        self._memory: Memory | None = None
        self.forgotten_receipt: ForgottenReceipt | None = None

    def batches(self) -> Iterator[tuple[int, Batch]]:
        """Batches with the number of people in each, the named ones first."""
        cast = sample_cast()
        self._memory = self._remember()
        named, batch = self._unranked([partial(self._scripted_life, row, number) for number, row in enumerate(cast)])
        if self._memory is not None:
            self._memory.add_beginning(batch, self._recipe.now)
        self._bookings.add_beginning(batch)
        yield named, batch
        for turns in _batched(self._recipe.members - len(cast)):
            yield self._unranked([partial(self._life, turn) for turn in turns])
        ranks = {programme_id: self._contests.ranks(programme_id) for programme_id in self._contests.by_programme}
        yield len(self._contending), self._batch(make(ranks) for make in self._contending)
        yield 0, self._extras()

    def _unranked(self, people: Iterable[Callable[[Ranks], Life]]) -> tuple[int, Batch]:
        """Those who contend for no rank."""
        lives = []
        for make in people:
            life = make({})
            contends = [self._contests.enter(history) for history in life.histories]
            if any(contends):
                life.undo()
                self._contending.append(make)
            else:
                lives.append(life)
        return len(lives), self._batch(lives)

    def _batch(self, lives: Iterable[Life]) -> Batch:
        batch = Batch()
        for life in lives:
            self._enrolment.add_person(batch, life.member_id, life.person, life.joining)
            for history in life.histories:
                self._enrolment.add_membership(
                    batch,
                    history.membership,
                    home_store_id=history.store.store_id,
                    joining=life.joining,
                    cards=life.cards,
                )
                add_history(batch, history)
                if self._memory is not None:
                    self._memory.count(history)
            memberships = [(history.store.store_id, history.membership) for history in life.histories]
            self._bookings.add(batch, memberships, life.person.habit, life.joining.at)
        return batch

    def _life(self, turn: Turn, ranks: Ranks) -> Life:
        member_id, person, joining, since = self._newcomer(turn)
        rng = joining.rng
        cards = wished_cards(rng)
        histories = []
        for place in self._memberships(rng, turn.programme):
            key = MembershipKey(member_id, place.programme.programme_id)
            chance = self._recipe.chance(*turn, place.programme.code)
            plan = plan_year(chance, shop=place.shop, season=place.season, habit=person.habit, since=since)
            rank = ranks.get(key.programme_id, {}).get(member_id)
            history = History(place, key, person.birthday, MomentIds(chance), rank=rank)
            self._take_part(history, turn)
            live(history, plan, self._recipe.now)
            histories.append(history)
        return Life(member_id, person, joining, cards, tuple(histories))

    def _newcomer(self, turn: Turn) -> Newcomer:
        rng = self._recipe.chance(*turn)
        person = self._crowds[turn.programme].person(rng, turn.number)
        joined_at, since = self._joining(rng, self._places[turn.programme])
        joining = Joining(joined_at, self._recipe.now, rng, MomentIds(rng))
        return Newcomer(MemberId(joining.ids.at(joined_at)()), person, joining, since)

    def _remember(self) -> Memory | None:
        """Last year's anniversary, with who got the gifts of its drops: that depends on everybody."""
        if self._last_anniversary is None:
            return None
        memory = Memory(self._last_anniversary, self._places[ANNIVERSARY_OF], self._keyring)
        for turn in _turns(self._recipe.members - len(sample_cast())):
            if turn.programme == ANNIVERSARY_OF:
                member_id, person, _, since = self._newcomer(turn)
                memory.come(member_id, person.habit.code, since, self._recipe.chance("drops", *turn))
        memory.hand_out(lambda *name: self._recipe.chance("fetches", *name))
        return memory

    def _take_part(self, history: History, name: Sequence[object]) -> None:
        if self._memory is not None and history.membership.programme_id == self._memory.programme_id:
            self._memory.take_part(history, self._recipe.chance("part", *name))

    def _memberships(self, rng: Random, programme: str) -> list[Place]:
        codes = [programme]
        if rng.randrange(100) < _TWO_PROGRAMMES_PERCENT:
            codes.append(rng.choice([code for code in self._places if code != programme]))
        return [self._places[code] for code in codes]

    def _joining(self, rng: Random, place: Place) -> tuple[datetime, date]:
        """When somebody joined, and the first day on which they may have bought as a member."""
        first_day = self._recipe.first_day
        day = first_day - timedelta(days=rng.randrange(1, _LONGEST_MEMBERSHIP_DAYS))
        if rng.randrange(100) >= _JOINED_BEFORE_PERCENT:
            day = place.season.pick_day(rng, first_day) or day
        return place.season.pick_moment(rng, day), day + timedelta(days=1)

    def _scripted_life(self, row: CastRow, number: int, ranks: Ranks) -> Life:
        place, today = self._places[row.programme], self._recipe.today
        rng = self._recipe.chance("cast", row.code)
        person = Person(
            name=row.name,
            locale=row.locale,
            birthday=birthday_of(row, today),
            phone=self._crowds[row.programme].reserved(number),
            email=f"{row.code.lower()}@example.com",
            habit=sample_people().habits[0],
        )
        joined_at = local_instant(place.store.zone, date(today.year - YEARS_A_MEMBER, 1, 15), time(14))
        key = MembershipKey(ids.member_id(row.code), place.programme.programme_id)
        rank = ranks.get(key.programme_id, {}).get(key.member_id)
        history = History(place, key, person.birthday, MomentIds(rng), rank=rank)
        self._take_part(history, ("cast", row.code))
        live(history, scripted(row, place, today), self._recipe.now)
        return Life(
            member_id=key.member_id,
            person=person,
            joining=Joining(joined_at, self._recipe.now, rng, MomentIds(rng)),
            cards=CardWish(physical=row.physical_card, replaced=False, blocked=row.blocked_card),
            histories=(history,),
        )

    def _extras(self) -> Batch:
        batch, recipe = Batch(), self._recipe
        add_awards(batch, self._contests, recipe.today)
        add_pending_adjustments(batch, sample_cast(), recipe.now)
        for code, place in self._places.items():
            add_anonymous_sales(batch, place, recipe.chance("anonymous", code), recipe.today)
        forgotten_at = self._places[sample_cast()[0].programme]
        self.forgotten_receipt = add_forgotten_receipt(batch, forgotten_at, recipe.chance("forgotten"), recipe.now)
        if self._memory is not None:
            self._memory.add_end(batch)
        self._bookings.add_end(batch)
        return batch


def live(history: History, plan: Sequence[PlannedSale], now: datetime) -> None:
    """Post a plan in order of time, returns among sales, up to the present."""
    waiting: list[tuple[datetime, int, SaleId, PlannedReturn]] = []
    for number, sale in enumerate(plan):
        while waiting and waiting[0][0] <= sale.sold_at:
            _, _, sale_id, back = heapq.heappop(waiting)
            history.take_back(sale_id, back)
        sale_id = history.sell(sale)
        if sale.comes_back is not None:
            heapq.heappush(waiting, (sale.comes_back.at, number, sale_id, sale.comes_back))
    while waiting:
        _, _, sale_id, back = heapq.heappop(waiting)
        history.take_back(sale_id, back)
    history.pass_time(business_date(history.store, now), now)


def _turns(people: int) -> Iterator[Turn]:
    """The crowd."""
    return (_turn(number) for number in range(people))


def _batched(people: int) -> Iterator[list[Turn]]:
    turns = _turns(people)
    while batch := list(islice(turns, _MEMBERS_OF_A_BATCH)):
        yield batch


def _turn(number: int) -> Turn:
    round_number, place = divmod(number, len(_TURN))
    programme = _TURN[place]
    return Turn(programme, round_number * _TURN.count(programme) + _TURN[:place].count(programme))
