"""The stock of offers in Redis: every call to a script, its keys and its answer.

The four keys of an offer share the hash tag {offer_id}, and so one slot and one server of a cluster.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final, TypeAlias
from uuid import UUID

from redis.exceptions import RedisError
from redis.typing import EncodableT

from membership.inventory.model import ClaimId, Limits, OfferId, Pool, PoolId
from membership.inventory.rules import Counts, LiveStock
from membership.inventory.store import LoadedClaim
from membership.members.model import MemberId
from membership.redis.client import AWAY, RedisClient
from membership.redis.scripts import Argument, Reply, Script, script

UNREACHABLE: Final = AWAY
"""What a call raises without an answer."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STAGED_SECONDS = 600
_STAGED_AT_ONCE = 5_000


# What redis-py's HSET takes; a mapping of plain text to plain text is not one to mypy.
Fields: TypeAlias = dict[EncodableT, EncodableT]


class Held(StrEnum):
    """What became of a hold: the words of hold.lua."""

    HELD = "HELD"
    CONFIRMED = "CONFIRMED"
    RETURNED = "RETURNED"
    CONFLICT = "CONFLICT"
    EMPTY = "EMPTY"
    LIMIT_DAY = "LIMIT_DAY"
    LIMIT_CAMPAIGN = "LIMIT_CAMPAIGN"
    NO_POOL = "NO_POOL"


class Freed(StrEnum):
    """Where a unit that is given back goes."""

    FREE = "free"
    VOIDED = "voided"


class Fenced(Exception):
    """What is loaded is not what the caller knows of: another epoch, another server, or nothing."""


class OldLoad(Exception):
    """A load with this epoch, which is not smaller, came first."""

    def __init__(self, loaded: int) -> None:
        super().__init__(f"epoch {loaded} is loaded")
        self.loaded = loaded


@dataclass(frozen=True, slots=True)
class ToHold:
    claim_id: ClaimId
    pool_id: PoolId
    member_id: MemberId
    day: date | None
    fingerprint: bytes
    deadline: datetime


@dataclass(frozen=True, slots=True)
class HeldClaim:
    """A hold as Redis has it."""

    claim_id: ClaimId
    pool_id: PoolId
    member_id: MemberId
    day: date | None
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class ToLoad:
    """All that Redis is to know of an offer; pools that are closed are not among it."""

    offer_id: OfferId
    epoch: int
    limits: Limits
    pools: Sequence[Pool]
    claims: Sequence[LoadedClaim]
    counts: Counts


class Stock:
    """One per process. Everything but `load` raises Fenced, having changed nothing, when the offer is not loaded under
    `epoch`; all raise one of UNREACHABLE without an answer. Each may be repeated."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client
        package = "membership.inventory"
        names = ("hold", "confirm", "release", "give_back", "load", "levels", "overdue")
        self._scripts: dict[str, Script] = {name: script(package, name, prelude="fence") for name in names}

    async def hold(self, offer_id: OfferId, epoch: int, claims: Sequence[ToHold]) -> list[Held]:
        arguments: list[Argument] = []
        for claim in claims:
            arguments += [
                str(claim.claim_id),
                str(claim.pool_id),
                str(claim.member_id),
                _day(claim.day),
                claim.fingerprint.hex(),
                _milliseconds(claim.deadline),
            ]
        answers = await self._run("hold", offer_id, epoch, arguments)
        return [Held(_text(word)) for word in answers]

    async def confirm(self, offer_id: OfferId, epoch: int, claims: Sequence[ClaimId]) -> int:
        """How many were held until now."""
        return _number((await self._run("confirm", offer_id, epoch, list(map(str, claims))))[0])

    async def release(self, offer_id: OfferId, epoch: int, claims: Sequence[ClaimId]) -> int:
        """How many were held until now. Only for claims that have a row which says that they never get a unit."""
        return _number((await self._run("release", offer_id, epoch, list(map(str, claims))))[0])

    async def give_back(
        self, offer_id: OfferId, epoch: int, claims: Sequence[ClaimId], *, to: Freed, frees_limit: bool
    ) -> int:
        arguments = [to.value, "1" if frees_limit else "0", *map(str, claims)]
        return _number((await self._run("give_back", offer_id, epoch, arguments))[0])

    async def levels(self, offer_id: OfferId, epoch: int, pool_ids: Sequence[PoolId]) -> dict[PoolId, LiveStock]:
        """Those that are loaded."""
        answers = await self._run("levels", offer_id, epoch, list(map(str, pool_ids)))
        rows = [answers[start : start + 5] for start in range(0, len(answers), 5)]
        return {
            pool_id: LiveStock(*map(_number, row))
            for pool_id, row in zip(pool_ids, rows, strict=True)
            if row[0] is not None
        }

    async def overdue(self, offer_id: OfferId, epoch: int, *, until: datetime | None, most: int) -> list[HeldClaim]:
        """Holds whose deadline has passed, the earliest first; with `until` None every hold. `most` -1: all."""
        arguments: list[Argument] = ["+inf" if until is None else _milliseconds(until), most]
        answers = await self._run("overdue", offer_id, epoch, arguments)
        pairs = zip(answers[0::2], answers[1::2], strict=True)
        return [_held_claim(_text(claim), _text(record)) for claim, record in pairs]

    async def confirmed(self, offer_id: OfferId) -> dict[ClaimId, PoolId]:
        """Every claim that has a unit by what is in Redis, whatever load that is of: for after a restore alone."""
        found: dict[ClaimId, PoolId] = {}
        async for claim, record in self._client.hscan_iter(_keys(offer_id)[1], count=_STAGED_AT_ONCE):
            if record.startswith(b"C "):
                held = _held_claim(_text(claim), _text(record))
                found[held.claim_id] = held.pool_id
        return found

    async def load(self, wanted: ToLoad) -> str:
        """Replace all that Redis knew of an offer. Returns the run_id of its server. Raises OldLoad."""
        live, staged = _keys(wanted.offer_id), _staged_keys(wanted.offer_id, wanted.epoch)
        contents = (_head_of(wanted), _claims_of(wanted), _members_of(wanted))
        for key, fields in zip(staged, contents, strict=True):
            await self._stage(key, fields)
        arguments: list[Argument] = [wanted.epoch, *(len(fields) for fields in contents)]
        answer = await self._scripts["load"].run(self._client, [*live, *staged], arguments)
        match _text(answer[0]):
            case "OK":
                return _text(answer[1])
            case "OLD":
                raise OldLoad(_number(answer[1]))
            case other:
                raise RedisError(f"the load was {other}: flushed while it was staged")

    async def _stage(self, key: str, fields: Fields) -> None:
        """In pieces, for an offer may have a million claims. Under a name that nobody else uses."""
        names = list(fields)
        for start in range(0, len(names), _STAGED_AT_ONCE):
            piece: Fields = {name: fields[name] for name in names[start : start + _STAGED_AT_ONCE]}
            await self._client.hset(key, mapping=piece)
            await self._client.expire(key, _STAGED_SECONDS)

    async def _run(self, name: str, offer_id: OfferId, epoch: int, arguments: Sequence[Argument]) -> Reply:
        keys = _keys(offer_id)
        wanted = {"confirm": 3, "overdue": 3, "levels": 1}.get(name, 4)
        answer = await self._scripts[name].run(self._client, keys[:wanted], [epoch, *arguments])
        if answer[0] == b"FENCED":
            raise Fenced
        return answer[1:]


def _keys(offer_id: OfferId) -> list[str]:
    return [f"inventory:{{{offer_id}}}:{part}" for part in ("head", "claims", "holds", "members")]


def _staged_keys(offer_id: OfferId, epoch: int) -> list[str]:
    return [f"inventory:{{{offer_id}}}:{epoch}:{part}" for part in ("head", "claims", "members")]


def _head_of(wanted: ToLoad) -> Fields:
    head: Fields = {"limit": _limit(wanted.limits.per_member), "limit_day": _limit(wanted.limits.per_member_day)}
    for pool in wanted.pools:
        head |= {
            f"{pool.pool_id}:total": str(pool.total),
            f"{pool.pool_id}:free": str(pool.free),
            f"{pool.pool_id}:held": "0",
            f"{pool.pool_id}:confirmed": str(pool.confirmed),
            f"{pool.pool_id}:voided": str(pool.voided),
        }
    return head


def _claims_of(wanted: ToLoad) -> Fields:
    return {
        str(claim.claim_id): f"C {claim.pool_id} {claim.member_id} {_day(claim.day)} {claim.fingerprint.hex()}"
        for claim in wanted.claims
    }


def _members_of(wanted: ToLoad) -> Fields:
    return {
        str(member_id) if day is None else f"{member_id}:{_day(day)}": str(claimed)
        for (member_id, day), claimed in wanted.counts.items()
    }


def _held_claim(claim_id: str, record: str) -> HeldClaim:
    _, pool_id, member_id, day, fingerprint = record.split(" ")
    return HeldClaim(
        ClaimId(UUID(claim_id)),
        PoolId(UUID(pool_id)),
        MemberId(UUID(member_id)),
        date.fromisoformat(day) if day else None,
        bytes.fromhex(fingerprint),
    )


def _limit(most: int | None) -> str:
    return "" if most is None else str(most)


def _day(day: date | None) -> str:
    return "" if day is None else day.isoformat()


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _text(value: bytes | int | None) -> str:
    if not isinstance(value, bytes):
        raise TypeError(f"expected text, not {value!r}")
    return value.decode()


def _number(value: bytes | int | None) -> int:
    if value is None:
        raise TypeError("expected a number")
    return int(value)
