"""How many processors a day needs: what shoppers do, times what it costs.

The day is the anniversary of Beijing SKP in November 2019: CNY 1.01 bn from more than 70,000 shoppers. What is not
published is supposed, and said so at each field; change it for your own store (`membership bench --only scaling
--shoppers 20000`). Three moments are reckoned with: the busiest hour, the rate of sales that the service is designed
for, and the minute in which a limited gift drops.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

LOOK_UP, QUOTE, COMMIT, HOME, LEVELS, CLAIM, SOLD_OUT = (
    "look-up by code",
    "quote",
    "commit",
    "member home",
    "levels of a drop",
    "claim a gift",
    "claim, sold out",
)
_HOUR: Final = 3_600

Rates = Mapping[str, float]
"""By operation: how many a second."""


@dataclass(frozen=True, slots=True)
class Day:
    """Supposed is all but the shoppers. `receipts`, `views` (of the app's home): of each. `quotes`: of a receipt; three
    customers of ten think twice. `busiest_hour`: its part of the day. `most_sales`: a second, in whatever minute:
    eleven times the busiest hour's. `claimers` open the app and ask for one of `gifts` within `drop_seconds`,
    and look `looks` times each at what is left."""

    shoppers: int = 70_000
    receipts: float = 3
    quotes: float = 1.3
    views: float = 10
    busiest_hour: float = 0.15
    most_sales: float = 100
    claimers: int = 200_000
    gifts: int = 300
    drop_seconds: float = 60
    looks: float = 10

    def whole(self) -> Rates:
        """Not by the second but of all the day, with one look for each claim."""
        sales = self.shoppers * self.receipts
        return {
            **self._selling(sales),
            HOME: self.shoppers * self.views,
            LEVELS: self.claimers,
            CLAIM: min(self.gifts, self.claimers),
            SOLD_OUT: max(0, self.claimers - self.gifts),
        }

    def moments(self) -> Mapping[str, Rates]:
        """The rates of each moment that counts."""
        hour = self.busiest_hour / _HOUR
        sales, views = self.shoppers * self.receipts * hour, self.shoppers * self.views * hour
        claims = self.claimers / self.drop_seconds
        return {
            "the busiest hour": {**self._selling(sales), HOME: views},
            f"{self.most_sales:g} sales a second": {**self._selling(self.most_sales), HOME: views},
            "the minute of a drop": {
                **self._selling(sales),
                HOME: views + claims,
                LEVELS: claims * self.looks,
                CLAIM: min(self.gifts / self.drop_seconds, claims),
                SOLD_OUT: max(0.0, claims - self.gifts / self.drop_seconds),
            },
        }

    def _selling(self, sales: float) -> Rates:
        return {LOOK_UP: sales, QUOTE: sales * self.quotes, COMMIT: sales}


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of CPU for one operation."""

    api_ms: float
    postgres_ms: float
    valkey_ms: float


@dataclass(frozen=True, slots=True)
class Need:
    """Processors at work in a moment, and what to ask for: pods of one processor each that are busy for `BUSY` of the
    time, and processors of PostgreSQL alike."""

    moment: str
    per_second: float
    api: float
    postgres: float
    valkey: float

    @property
    def pods(self) -> int:
        return ceil(self.api / BUSY)

    @property
    def postgres_processors(self) -> int:
        return ceil(self.postgres / BUSY)


BUSY: Final = 0.6
"""Of a processor that is to answer soon: the rest is for what comes in bursts, and for a pod that is away."""


def needs(day: Day, costs: Mapping[str, Cost]) -> list[Need]:
    return [_need(moment, rates, costs) for moment, rates in day.moments().items()]


def _need(moment: str, rates: Rates, costs: Mapping[str, Cost]) -> Need:
    def processors(each: Sequence[tuple[float, float]]) -> float:
        return sum(rate * milliseconds for rate, milliseconds in each) / 1_000

    priced = [(rate, costs[operation]) for operation, rate in rates.items()]
    return Need(
        moment=moment,
        per_second=sum(rates.values()),
        api=processors([(rate, cost.api_ms) for rate, cost in priced]),
        postgres=processors([(rate, cost.postgres_ms) for rate, cost in priced]),
        valkey=processors([(rate, cost.valkey_ms) for rate, cost in priced]),
    )
