"""Last year's anniversary as it goes through the making of everybody: what members share and leave behind."""

from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from random import Random
from uuid import UUID

from membership.gifts.claiming import CODE
from membership.gifts.rules.codes import code_of
from membership.gifts.rules.moments import claim_window
from membership.members.keyring import Keyring
from membership.sample.anniversary import Anniversary, add_campaign
from membership.sample.anniversary_records import add_issue_runs, add_levels, add_offers
from membership.sample.arrivals import FETCHES_PERCENT, Drop, DropQueue, Won, arrivals
from membership.sample.copying import Batch
from membership.sample.history import History
from membership.sample.part import Part
from membership.sample.place import Place
from membership.sample.stock import Stock
from membership.stores.model import ProgrammeId


class Memory:
    """First everybody comes to the drops, then they are handed out, then each membership takes part."""

    def __init__(self, anniversary: Anniversary, place: Place, keyring: Keyring) -> None:
        self._anniversary, self._place, self._keyring = anniversary, place, keyring
        self._stock = Stock(anniversary.offers)
        gift = anniversary.daily_gift
        self._queue = DropQueue(_drops(anniversary, place), limit_per_member=gift.limit_per_member or 1)
        self._won: dict[UUID, list[Won]] = {}
        self._memberships = 0
        self._issued: Counter[object] = Counter()

    @property
    def programme_id(self) -> ProgrammeId:
        return self._place.programme.programme_id

    def come(self, member_id: UUID, habit: str, since: date, rng: Random) -> None:
        """`since`: the first day of membership."""
        for drop, arrival in arrivals(rng, habit, member_id, self._queue.drops):
            if since <= drop.day:
                self._queue.come(drop, arrival)

    def hand_out(self, chance: Callable[..., Random]) -> None:
        self._won = self._queue.winners(
            lambda member_id, drop: chance(member_id, drop.day).randrange(100) < FETCHES_PERCENT
        )

    def take_part(self, history: History, rng: Random) -> None:
        history.part = Part(
            self._anniversary,
            self._place,
            history.membership,
            rng=rng,
            stock=self._stock,
            won=self._won.get(history.membership.member_id, ()),
            lines_of=history.lines_of,
            code_of=lambda gift_id: code_of(self._keyring.keyed_hash(CODE, str(gift_id)).digest),
        )

    def count(self, history: History) -> None:
        """A history that is final."""
        if history.part is not None:
            self._memberships += 1
            self._issued.update(held.coupon.offer_id for held in history.part.wallet.held.values())

    def add_beginning(self, batch: Batch, now: datetime) -> None:
        """What is there before anybody."""
        add_campaign(batch, self._anniversary, now)
        add_offers(batch, self._anniversary)

    def add_end(self, batch: Batch) -> None:
        add_levels(batch, self._anniversary, self._stock.levels())
        add_issue_runs(batch, self._anniversary, looked_at=self._memberships, issued=self._issued)


def _drops(anniversary: Anniversary, place: Place) -> list[Drop]:
    gift = anniversary.daily_gift
    (planned,) = (entry for entry in anniversary.offers if entry.offer.rule_code == gift.code)
    drops = []
    for entry in planned.pools:
        window = claim_window(place.store, anniversary.revision, gift, entry.pool.day)
        last = window.closes_at - timedelta(minutes=15)
        drops.append(Drop(entry.pool.day, window.drops_at, last, entry.units))
    return drops
