"""What the simulator believes: the receipts it was told of, points by member, and how each request went."""

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date

from membership.till_client import Attempt, Refusal
from membership.till_client.generated.input_types import ReceiptNumberInput, SaleLookup

PURCHASE = "a whole sale"
"""From who it is to the receipt: what a customer waits for in all."""


def printed(till: str, day: date, sequence: int) -> SaleLookup:
    """A sale by what is printed on its receipt. Who asks without a code means the till whose token it is."""
    return SaleLookup(receipt=ReceiptNumberInput(business_date=day, sequence=sequence, till=till or None))


class Numbers:
    """The receipt numbers of one till, each used once."""

    def __init__(self, first: int) -> None:
        self._first = self._next = first

    def __next__(self) -> int:
        self._next += 1
        return self._next - 1

    @property
    def used(self) -> range:
        return range(self._first, self._next)


@dataclass(slots=True)
class Receipt:
    """A sale as the till was told. `quantities` and `returned` by line number. `member_id`: who earned the points."""

    till: str
    business_date: date
    sequence: int
    sale_id: str
    net_minor: int
    discount_minor: int
    quantities: dict[int, int]
    member_id: str | None
    returned: Counter[int] = field(default_factory=Counter)

    @property
    def state(self) -> str:
        if not self.returned:
            return "COMMITTED"
        return "RETURNED" if self.returned == self.quantities else "PART_RETURNED"

    @property
    def label(self) -> str:
        return f"{self.till} {self.business_date} no. {self.sequence}"


@dataclass(slots=True)
class Book:
    """`points`: by member, how many more they should have than before. `unsettled`: what got no answer, to be sent
    again as it was. `seconds`: of every answered request by operation, and of every whole sale."""

    receipts: list[Receipt] = field(default_factory=list)
    points: Counter[str] = field(default_factory=Counter)
    unsettled: list[Callable[[], Awaitable[object]]] = field(default_factory=list)
    seconds: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    refusals: Counter[str] = field(default_factory=Counter)
    exceptions: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    given_up: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    abandoned: int = 0

    def observe(self, attempt: Attempt) -> None:
        """For the client, which tells of every attempt."""
        self.retries += attempt.number > 1
        if attempt.failure is None:
            self.seconds[attempt.operation].append(attempt.seconds)
        else:
            self.failures[attempt.failure] += 1

    def refused(self, operation: str, refusal: Refusal) -> None:
        self.refusals[f"{operation}: {refusal.code}"] += 1

    @property
    def net_minor(self) -> int:
        return sum(receipt.net_minor for receipt in self.receipts)
