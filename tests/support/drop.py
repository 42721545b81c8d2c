"""This year's anniversary through the API, up to the hour at which the gift of the day drops."""

import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import membership.sample
from membership.graph.kit.live import PERIOD_SECONDS
from support.appointment_graph import part, rows
from support.deployment import Development

_FILE = Path(membership.sample.__file__).with_name("data") / "campaigns" / "anniversary-2026.toml"
_DROP = "2026-11-14T10:00:00"
OFFER, DESK = "ANNIVERSARY-2026/DAILY-GIFT", "B1-PAPER-COURT"

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Drop:
    """`pool` is the id by which its level is watched. A gift that is given up goes to the next day's pool."""

    development: Development
    store: str
    pool: str
    claimed: dict[str, str] = field(default_factory=dict)
    """Whose each gift is."""

    @property
    def level(self) -> tuple[int, int]:
        """How many units there are and are left: by a request of its own. What is told is up to a quarter of a second
        old, and so that is waited for: what was done before is in it then."""
        time.sleep(PERIOD_SECONDS)
        document = "query ($pools: [ID!]!) { stockLevels(poolIds: $pools) { total available } }"
        [level] = rows(self.development.ask("PLANNER", document, pools=[self.pool]), "stockLevels")
        return int(str(level["total"])), int(str(level["available"]))

    def claim(self, caller: str = "MEMBER") -> str:
        """Gives the gift's id."""
        wanted = {"atDesk": {"storeId": self.store, "offer": OFFER, "desk": DESK}}
        gift = str(part(self._act(caller, "claimGift", "ClaimGift", wanted=wanted), "gift")["id"])
        self.claimed[gift] = caller
        return gift

    def cancel(self, gift: str) -> None:
        self._act(self.claimed.pop(gift), "cancelGift", "CancelGift", giftId=gift)

    def tidy(self) -> None:
        """So that a test that failed does not fail the next one: a member has one gift at a time."""
        for gift in list(self.claimed):
            self.cancel(gift)

    def _act(self, caller: str, field: str, name: str, **given: object) -> dict[str, object]:
        document = (
            f"mutation ($input: {name}Input!) {{ {field}(input: $input) "
            f"{{ ... on {name}Payload {{ gift {{ id }} }} ... on Refusal {{ code message }} }} }}"
        )
        taken = part(self.development.ask(caller, document, input={"idempotencyKey": _key(), **given}), field)
        assert "gift" in taken, taken
        return taken


def open_drop(development: Development) -> Drop:
    development.command("campaign", "import", str(_FILE), "--code", "ANNIVERSARY-2026", "--operator", "li.hua")
    found = development.ask("PLANNER", '{ campaign(by: {code: "ANNIVERSARY-2026"}) { ... on Campaign { id } } }')
    for step, caller in (("submit", "PLANNER"), ("approve", "APPROVER")):
        document = (
            f"mutation ($input: CampaignStepInput!) {{ {step}Campaign(input: $input) {{ ... on CampaignPayload "
            "{ campaign { phase } } ... on Refusal { code message } } }"
        )
        taken = development.ask(
            caller, document, input={"idempotencyKey": _key(), "campaignId": part(found, "campaign")["id"]}
        )
        part(taken, f"{step}Campaign", "campaign")
    development.command("clock", _DROP)
    stores = rows(development.ask("MEMBER", "{ stores { nodes { id code } } }"), "stores", "nodes")
    [store] = [str(entry["id"]) for entry in stores if entry["code"] == "CHAOYANG-GALLERIA"]
    document = (
        "query ($store: ID!) { giftOffers(storeId: $store) { ... on GiftOffersPayload { pools { poolId offer } } } }"
    )
    pools = rows(development.ask("MEMBER", document, store=store), "giftOffers", "pools")
    [pool] = [str(entry["poolId"]) for entry in pools if entry["offer"] == OFFER]
    return Drop(development, store, pool)


def _key() -> str:
    return f"conformance-{next(_numbers)}"
