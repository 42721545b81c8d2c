"""What is measured: the documents that clients really send, with variables to be filled in for each caller."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import orjson

from membership.bench.crowd import Crowd, Shopper
from membership.bench.load import NUMBER, Caller
from membership.graph.documents import load_manifest
from membership.kernel.actor import Role
from membership.sample import identifiers as ids
from membership.web.development_issuer import issue_token

_PROGRAMME, _STORE, _COUNTER = "CHAOYANG", "CHAOYANG-GALLERIA", "2F-ALVENNA"
_CODE = "<code>"
_LINE_MINOR = 60_00
_TOKEN_LIFETIME = timedelta(hours=6)


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
    name: str
    ask: Ask
    probes: tuple[Probe, ...] = ()


def operations(crowd: Crowd, now: datetime) -> list[Operation]:
    """In the order of a visit."""
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
            "commit",
            commit,
            (Probe("1 line", commit_of(1, now), crowd.model), Probe("30 lines", many_lines, crowd.model)),
        ),
        Operation("commit, 30 lines", many_lines),
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
    (identity,) = (key for key, text in load_manifest().items() if f" {operation}" in text)
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
            programme=ids.programme_id(_PROGRAMME),
            store=ids.store_id(_STORE),
            counter=ids.counter_id(_STORE, _COUNTER),
            till=ids.till_id(_STORE, ids.till_code_of(_COUNTER)),
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
