"""The members who shop in the bench: a year of receipts each, by the sample's own rules.

Their ids and the serials of their codes are made of a number, so that pgbench can pick one without a query.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from random import Random
from uuid import UUID

from membership.cards.model import CardKind, CardStatus
from membership.cards.rules import SECRET_BYTES, card_number, member_code, step_at
from membership.cards.service import CODE_SECRET
from membership.kernel.ids import new_id
from membership.members.keyring import Keyring
from membership.members.model import MemberId, MembershipKey, MemberStatus
from membership.members.store import NAME
from membership.postgres.connection import Conn
from membership.sample.copying import Batch, Copier
from membership.sample.files import sample_people, sample_programmes
from membership.sample.generator import HISTORY_DAYS, live
from membership.sample.history import History
from membership.sample.moments import MomentIds
from membership.sample.place import Numbers, Place, place_of
from membership.sample.plan import PlannedSale, plan_year
from membership.sample.records import add_history
from membership.sample.tables import CARDS, CODE_SEEDS, IN_ORDER, MEMBERS, MEMBERSHIPS
from membership.stores.model import TillId

FIRST_NUMBER = 8_000_000_000
"""Ten digits, as a code's serial has them."""

_HABIT = "FREQUENT"
_MANY = 1_000
_CARD_PREFIX = 90_000_000_000


@dataclass(frozen=True, slots=True)
class Shopper:
    """`number` tells one from another; `secret` is that of the rotating code."""

    number: int
    membership: MembershipKey
    secret: bytes

    @property
    def serial(self) -> str:
        return f"{self.number:010d}"

    @property
    def card(self) -> str:
        """The number on the card."""
        return card_number(_CARD_PREFIX + self.number % FIRST_NUMBER)

    def code(self, now: datetime) -> str:
        """What the app shows now."""
        return member_code(self.serial, self.secret, step_at(now))


@dataclass(frozen=True, slots=True)
class Crowd:
    """`many` are those who shop. The newcomer has one entry, the regular a thousand at least; `model` is the one whose
    statements are shown to pgbench."""

    many: tuple[Shopper, ...]
    newcomer: Shopper
    regular: Shopper
    model: Shopper


def member_id_of(number: int) -> MemberId:
    return MemberId(UUID(f"01900000-0000-7000-8000-00{number:010d}"))


async def add_crowd(conn: Conn, keyring: Keyring, *, size: int, now: datetime) -> Crowd:
    """Into a database that holds the sample's configuration."""
    place, rng = _place(now.date()), Random(1)  # noqa: S311 - the same crowd every time
    shoppers = [_shopper(place, FIRST_NUMBER + place_in_row, rng) for place_in_row in range(size + 3)]
    newcomer, regular, model, *many = shoppers
    batch = Batch()
    for shopper in shoppers:
        _add_membership(batch, shopper, place, keyring, now)
        history = History(place, shopper.membership, None, MomentIds(rng))
        planned = _year(rng, place, now.date())
        if shopper is newcomer:
            planned = _single_line(planned)
        while shopper is regular and _lines(planned) < _MANY:
            planned = [*planned, *_year(rng, place, now.date())]
        live(history, sorted(planned, key=lambda sale: sale.sold_at), now)
        add_history(batch, history)
    async with conn.transaction():
        await (await Copier.on(conn)).write_batch(batch, IN_ORDER)
    await conn.execute("ANALYZE")
    return Crowd(tuple(many), newcomer, regular, model)


def numbers_of(shoppers: Sequence[Shopper]) -> tuple[int, int]:
    """First and last."""
    return shoppers[0].number, shoppers[-1].number


class _FurtherNumbers(Numbers):
    """Receipt numbers that the sample does not reach."""

    def next(self, till_id: TillId, day: date) -> int:
        return 1_000_000 + super().next(till_id, day)


def _place(today: date) -> Place:
    chaoyang = sample_programmes()[0]
    place = place_of(chaoyang, today - timedelta(days=HISTORY_DAYS), today - timedelta(days=1))
    return replace(place, numbers=_FurtherNumbers())


def _shopper(place: Place, number: int, rng: Random) -> Shopper:
    membership = MembershipKey(member_id_of(number), place.programme.programme_id)
    return Shopper(number, membership, rng.randbytes(SECRET_BYTES))


def _year(rng: Random, place: Place, today: date) -> list[PlannedSale]:
    """Nobody spends points: what is owed after a return would be paid by some commits and not by others."""
    (habit,) = (row for row in sample_people().habits if row.code == _HABIT)
    since = today - timedelta(days=HISTORY_DAYS)
    planned = plan_year(rng, shop=place.shop, season=place.season, habit=habit, since=since)
    return [replace(sale, spend_percent=0) for sale in planned]


def _lines(planned: Sequence[PlannedSale]) -> int:
    return sum(len(sale.receipt.basket.lines) for sale in planned)


def _single_line(planned: Sequence[PlannedSale]) -> list[PlannedSale]:
    return [next(sale for sale in planned if _lines([sale]) == 1 and sale.comes_back is None)]


def _add_membership(batch: Batch, shopper: Shopper, place: Place, keyring: Keyring, now: datetime) -> None:
    member_id, programme_id = shopper.membership.member_id, shopper.membership.programme_id
    joined_at = now - timedelta(days=HISTORY_DAYS)
    name, secret = keyring.seal_text(NAME, "李欣怡"), keyring.seal(CODE_SECRET, shopper.secret)
    batch.add(
        MEMBERS,
        (
            member_id,
            MemberStatus.ACTIVE.value,
            name.ciphertext,
            name.key_version,
            None,
            None,
            None,
            "zh-CN",
            joined_at,
        ),
    )
    batch.add(MEMBERSHIPS, (new_id(), member_id, programme_id, place.store.store_id, joined_at))
    batch.add(
        CARDS,
        (
            new_id(),
            member_id,
            programme_id,
            shopper.card,
            CardKind.VIRTUAL.value,
            CardStatus.ACTIVE.value,
            None,
            None,
            joined_at,
            joined_at,
        ),
    )
    batch.add(CODE_SEEDS, (shopper.serial, member_id, programme_id, secret.ciphertext, secret.key_version, joined_at))
