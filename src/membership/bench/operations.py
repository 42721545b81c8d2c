"""What is measured: the documents that clients really send, with variables to be filled in for each caller."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import orjson

from membership.bench.crowd import Crowd, Shopper
from membership.bench.load import NUMBER, Caller
from membership.bench.season import CAMPAIGN, COUNTER, PROGRAMME, RULES, STORE, Season
from membership.gifts.model import GiftPoolId
from membership.graph.inventory import POOL
from membership.graph.kit.relay import global_id
from membership.graph.operations.documents import load_manifest
from membership.kernel.actor import Role
from membership.sample import identifiers as ids
from membership.sample.files import sample_programmes
from membership.web.development_issuer import issue_token

QUOTE_IN_SEASON = f"quote, {RULES} rules live"
COMMIT_IN_SEASON = f"commit, {RULES} rules live"
CLAIM, REFUSAL = "claim a gift", "claim, sold out"
LISTING, PROPOSALS = "free times, 40 brands", "visit proposals, 3 stops"

_BEST_OF_WALLET = f'"rule":"{CAMPAIGN}/WALLET-3"'
_CODE = "<code>"
_LINE_MINOR = 60_00
_TOKEN_LIFETIME = timedelta(hours=6)
_STOPS = (("2F-ALVENNA", "FITTING"), ("1F-QUILLMONT", "WATCH_SERVICE"), ("1F-LISABEAU", "MAKE_UP"))


@dataclass(frozen=True, slots=True)
class Ask:
    """One kind of request. `template` is its body; an answer holds `expects` only if all went well."""

    operation: str
    role: Role
    template: str
    expects: str


@dataclass(frozen=True, slots=True)
class Probe:
    """A request by somebody whose round trips are counted, to show that size makes no more of them."""

    size: str
    ask: Ask
    shopper: Shopper


@dataclass(frozen=True, slots=True)
class Operation:
    """`in_season`: while a campaign is live. `beside`: the operation that it is compared with, from as many connections
    and right after it in each round."""

    name: str
    ask: Ask
    probes: tuple[Probe, ...] = ()
    in_season: bool = False
    beside: str | None = None


def operations(crowd: Crowd, season: Season, now: datetime) -> list[Operation]:
    """In the order of a visit; what is compared stands together."""
    look_up = _ask("IdentifyMember", Role.TILL, {"by": {"code": _CODE}}, '"maskedName":')
    home = _ask("MemberHome", Role.MEMBER, {}, '"spendToNextTier":')
    commit = commit_of(3, now)
    many_lines = commit_of(30, now)
    return [
        Operation("look-up by code", look_up),
        Operation(
            "member home",
            home,
            (Probe("1 entry", home, crowd.newcomer), Probe("1,000 entries", home, crowd.regular)),
        ),
        Operation("quote", quote_of(3), (Probe("1 line", quote_of(1), crowd.model),)),
        Operation(
            QUOTE_IN_SEASON,
            quote_of(3),
            (Probe("10 coupons", replace(quote_of(3), expects=_BEST_OF_WALLET), crowd.newcomer),),
            in_season=True,
            beside="quote",
        ),
        Operation(
            "commit",
            commit,
            (Probe("1 line", commit_of(1, now), crowd.model), Probe("30 lines", many_lines, crowd.model)),
        ),
        Operation(COMMIT_IN_SEASON, commit, in_season=True, beside="commit"),
        Operation("commit, 30 lines", many_lines),
        Operation(CLAIM, claim_of(season.plenty, '"ClaimGiftPayload"'), in_season=True),
        Operation(REFUSAL, claim_of(season.gone, '"SoldOut"'), in_season=True, beside=CLAIM),
        Operation(LISTING, free_times_of_a_day(now)),
        Operation(PROPOSALS, proposals_for_a_day(now)),
    ]


def quote_of(lines: int) -> Ask:
    asked = {"idempotencyKey": f"bench-quote-{NUMBER}", "basket": _basket(lines), "member": {"code": _CODE}}
    return _ask("QuoteSale", Role.TILL, {"input": asked}, '"QuoteSalePayload"')


def commit_of(lines: int, now: datetime) -> Ask:
    sold = {
        "idempotencyKey": f"bench-commit-{NUMBER}",
        "basket": _basket(lines),
        "sequence": NUMBER,
        "soldAt": now.isoformat(),
        "member": {"code": _CODE},
    }
    # An unknown member does not stop a receipt; it would be noted.
    return _ask("CommitSale", Role.TILL, {"input": sold}, '"exceptions":[]')


def claim_of(pool_id: GiftPoolId, expects: str) -> Ask:
    asked = {"idempotencyKey": f"bench-claim-{NUMBER}", "wanted": {"poolId": str(global_id(POOL, pool_id))}}
    return _ask("ClaimGift", Role.MEMBER, {"input": asked}, expects)


def levels_of(pool_id: GiftPoolId) -> Ask:
    """What is left of a drop, as an app that keeps no connection open asks for it."""
    return _ask("StockLevels", Role.MEMBER, {"poolIds": [str(global_id(POOL, pool_id))]}, '"available":')


def free_times_of_a_day(now: datetime) -> Ask:
    """Of everything that can be booked at the counters of the store."""
    counters = [str(global_id("Counter", ids.counter_id(STORE, code))) for code in _counters()]
    asked = {"of": {"counterIds": counters}, "from": _day(now), "days": 1}
    return _ask("Availability", Role.MEMBER, asked, '"slots":[{')


def proposals_for_a_day(now: datetime) -> Ask:
    stops = [{"serviceId": str(global_id("Service", ids.service_id(STORE, *stop)))} for stop in _STOPS]
    wish = {"stops": stops, "firstDay": _day(now), "days": 1}
    return _ask("VisitProposals", Role.MEMBER, {"wish": wish}, '"proposals":[{')


def _counters() -> list[str]:
    (sample,) = (entry for entry in sample_programmes() if entry.programme.code == PROGRAMME)
    return [counter.code for counter in sample.counters]


def _day(now: datetime) -> str:
    """A week from now: a day as many others."""
    return (now + timedelta(days=7)).date().isoformat()


def _basket(lines: int) -> dict[str, object]:
    sold = [
        {"lineNo": number, "category": "WOMENSWEAR", "quantity": 1, "netMinor": _LINE_MINOR, "description": "羊毛围巾"}
        for number in range(1, lines + 1)
    ]
    return {
        "currency": "CNY",
        "lines": sold,
        "tenders": [{"type": "CASH", "amountMinor": lines * _LINE_MINOR}],
    }


def _ask(operation: str, role: Role, variables: dict[str, object], expects: str) -> Ask:
    named = re.compile(rf"(query|mutation) {operation}\b")
    (identity,) = (key for key, text in load_manifest().items() if named.search(text))
    body = orjson.dumps({"documentId": identity, "variables": variables}).decode()
    # Numbers stand without quotes, where the template needed them.
    return Ask(operation, role, body.replace(f'"{NUMBER}"', NUMBER), expects)


class Callers:
    """Tokens and codes for those who ask."""

    def __init__(self, keys: Path, now: datetime) -> None:
        self._keys = keys
        self._now = now
        self._till = issue_token(
            keys,
            Role.TILL,
            now=now,
            lifetime=_TOKEN_LIFETIME,
            programme=ids.programme_id(PROGRAMME),
            store=ids.store_id(STORE),
            counter=ids.counter_id(STORE, COUNTER),
            till=ids.till_id(STORE, ids.till_code_of(COUNTER)),
        )
        self._members: dict[int, str] = {}

    def of(self, ask: Ask, shoppers: Sequence[Shopper], now: datetime) -> list[Caller]:
        """Codes live for a minute or two: ask for them right before they are used."""
        if ask.role is Role.MEMBER:
            return [{"token": self._token_of(shopper)} for shopper in shoppers]
        return [{"token": self._till, "code": shopper.code(now)} for shopper in shoppers]

    def _token_of(self, shopper: Shopper) -> str:
        if shopper.number not in self._members:
            self._members[shopper.number] = issue_token(
                self._keys,
                Role.MEMBER,
                now=self._now,
                lifetime=_TOKEN_LIFETIME,
                subject=f"member:{shopper.membership.member_id}",
                member=shopper.membership.member_id,
                programme=shopper.membership.programme_id,
            )
        return self._members[shopper.number]
