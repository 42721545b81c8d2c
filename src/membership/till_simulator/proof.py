"""Does it all add up? Every receipt that the tills believe in is asked for, and every customer's points.

A sale that was lost is not found. One that was done twice has a number that the till used and does not believe in, or
shows in what came back of it, or in the points. For these the customers must have shopped nowhere else meanwhile.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import cycle
from random import Random

from membership.till_client import Busy, NoAnswer
from membership.till_client.generated.find_sale import FindSaleSale
from membership.till_simulator.book import Book, Receipt, printed
from membership.till_simulator.opening import Doors, points_of

_AT_A_TIME = 4
_TRIES = 20


@dataclass(slots=True)
class Proof:
    """`found_minor`: the total of the receipts that the service has. `wrong`: one sentence for each thing that does not
    add up."""

    receipts: int = 0
    found: int = 0
    found_minor: int = 0
    members: int = 0
    settled: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.wrong


async def prove(doors: Doors, rng: Random) -> Proof:
    """Raises TillClientError when the service does not answer."""
    proof = Proof()
    await _settle(doors.book, proof)
    gate = asyncio.Semaphore(_AT_A_TIME)

    async def ask(receipt: Receipt) -> None:
        async with gate:
            found = await _find(doors, receipt.till, receipt.business_date, receipt.sequence)
            compare(receipt, found, proof)

    async def ask_in_vain(till_code: str, day: date, number: int) -> None:
        async with gate:
            if await _find(doors, till_code, day, number) is not None:
                proof.wrong.append(f"{till_code} {day} no. {number} was booked, and the till was never told.")

    async with asyncio.TaskGroup() as group:
        for receipt in doors.book.receipts:
            group.create_task(ask(receipt))
        for till_code, day, number in _not_believed(doors):
            group.create_task(ask_in_vain(till_code, day, number))
    await _compare_points(doors, proof, rng)
    if not proof.receipts:
        proof.wrong.append("Nothing was sold, so there is nothing to prove. See what was refused.")
    return proof


async def _find(doors: Doors, till_code: str, day: date, number: int) -> FindSaleSale | None:
    """By what is printed on the receipt."""
    return await doors.offices[till_code].client.find_sale(printed(till_code, day, number))


def _not_believed(doors: Doors) -> Iterator[tuple[str, date, int]]:
    """Numbers that tills used for something else than a sale, or for one that they were not told was booked."""
    believed = {(receipt.till, receipt.sequence) for receipt in doors.book.receipts}
    days = {receipt.business_date for receipt in doors.book.receipts}
    used = {till.place.code: till.numbers.used for till in doors.tills}
    for code, numbers in used.items():
        yield from ((code, day, number) for number in numbers if (code, number) not in believed for day in days)


async def _settle(book: Book, proof: Proof) -> None:
    """What got no answer is sent again as it was, until there is one."""
    pending = list(book.unsettled)
    book.unsettled.clear()
    for send in pending:
        for _ in range(_TRIES):
            try:
                await send()
            except (Busy, NoAnswer):
                continue
            proof.settled += 1
            break
        else:
            proof.wrong.append(f"A request got no answer in {_TRIES} times as many attempts as a till makes.")


def compare(receipt: Receipt, found: FindSaleSale | None, proof: Proof) -> None:
    """What the till believes with what the service has."""
    proof.receipts += 1
    if found is None:
        proof.wrong.append(
            f"{receipt.label} is lost: the till was told it was booked, and the service has no such sale."
        )
        return
    proof.found += 1
    proof.found_minor += found.net.amount_minor
    returned = {line.line_no: line.returned_quantity for line in found.lines if line.returned_quantity}
    for what, believed, there in (
        ("id", receipt.sale_id, found.id),
        ("total", receipt.net_minor, found.net.amount_minor),
        ("discount", receipt.discount_minor, found.discount.amount_minor),
        ("state", receipt.state, found.state.value),
        ("returned quantities", dict(receipt.returned), returned),
        ("quantities", receipt.quantities, {line.line_no: line.quantity for line in found.lines}),
    ):
        if believed != there:
            proof.wrong.append(f"{receipt.label}, {what}: the till believes {believed}, the service has {there}.")


async def _compare_points(doors: Doors, proof: Proof, rng: Random) -> None:
    for till, customer in zip(cycle(doors.offices.values()), doors.customers, strict=False):
        there = await points_of(till, customer.lookup, rng)
        believed = doors.points[customer.member_id] + doors.book.points[customer.member_id]
        proof.members += 1
        if there != believed:
            proof.wrong.append(
                f"Member {customer.member_id}: {believed} points are right by the receipts, the service has {there}."
            )
