"""A till's conversation: whole sales by the typed client, in processes of its own, as `membership till` has them.

What a till's vendor would see, and not what the service could do: pydantic and httpx take about as much of the same
processors as the service does. Single operations are therefore measured by the raw generator (driver.py).
"""

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from membership.bench.crowd import Crowd
from membership.bench.season import PROGRAMME
from membership.bench.servers import BenchFailed, Fleet, start_api
from membership.bench.world import Place
from membership.kernel.clock import SystemClock
from membership.sample.files import sample_programmes
from membership.sample.shop import shop_of
from membership.till_simulator.book import PURCHASE
from membership.till_simulator.running import Figures
from membership.till_simulator.shop import Shop

_LONGEST = 120
"""Seconds, beyond those of the load: to begin, and to prove that it adds up."""
_SHORTEST = 1.0
"""Seconds in which at least one sale is made on any machine."""
_FIGURES = TypeAdapter(Figures)


@dataclass(frozen=True, slots=True)
class Conversed:
    """One round. `client_cpu_ms`: of the simulator, for one sale. `receipts`: found again, all of them."""

    sales_per_second: float
    requests_per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    client_cpu_ms: float
    receipts: int


def measure_conversations(
    place: Place, crowd: Crowd, folder: Path, *, seconds: float, rounds: int, tills: int, advance: Callable[[], None]
) -> list[Conversed]:
    """`seconds` over all rounds. Raises BenchFailed when anything does not add up."""
    (sample,) = (row for row in sample_programmes() if row.programme.code == PROGRAMME)
    shop = shop_of(sample, folder / "keys", [shopper.card for shopper in crowd.many], SystemClock().now())
    found = []
    with start_api(place.environment, folder / "conversation.log") as api:
        for _ in range(rounds):
            found.append(_round(api, shop, folder, tills=tills, seconds=max(_SHORTEST, seconds / rounds)))
            advance()
    return found


def _round(api: Fleet, shop: Shop, folder: Path, *, tills: int, seconds: float) -> Conversed:
    """A simulator for each process of the API, with tills and customers of its own."""
    ports = api.ports[:tills]
    simulators = [
        _start(port, _part_of(shop, folder, number, len(ports)), tills=max(1, tills // len(ports)), seconds=seconds)
        for number, port in enumerate(ports)
    ]
    return _together([_heard(process, seconds) for process in simulators])


def _part_of(shop: Shop, folder: Path, number: int, parts: int) -> Path:
    """Every so manyth till and card: no two simulators number the same receipts, or sell to the same member."""
    part = shop.model_copy(update={"tills": shop.tills[number::parts], "cards": shop.cards[number::parts]})
    file = folder / f"shop-{number}.json"
    file.touch(mode=0o600)
    file.write_text(part.model_dump_json(), encoding="utf-8")
    return file


def _start(port: int, shop: Path, *, tills: int, seconds: float) -> "subprocess.Popen[bytes]":
    till = ["-c", "from membership.cli import app; app()", "till", "--json"]
    where = ["--url", f"http://127.0.0.1:{port}/graphql", "--shop", str(shop)]
    load = ["--tills", str(tills), "--seconds", f"{seconds:.3f}"]
    return subprocess.Popen(  # noqa: S603 - our own command line
        [sys.executable, *till, *where, *load], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def _heard(process: "subprocess.Popen[bytes]", seconds: float) -> Figures:
    try:
        printed, complained = process.communicate(timeout=seconds + _LONGEST)
    except subprocess.TimeoutExpired:
        process.kill()
        printed, complained = process.communicate()
    if process.returncode:
        raise BenchFailed(f"the tills do not add up: {(printed or complained).decode()[-2000:]}")
    return _FIGURES.validate_json(printed)


def _together(found: Sequence[Figures]) -> Conversed:
    """Of several simulators the rates add up, and the slowest times count."""
    sales = sum(figures.sales for figures in found)
    paces = [figures.paces[PURCHASE] for figures in found if PURCHASE in figures.paces]
    if not paces:
        raise BenchFailed("the tills sold nothing")
    return Conversed(
        sales_per_second=sum(figures.sales_per_second for figures in found),
        requests_per_second=sum(figures.requests_per_second for figures in found),
        p50_ms=max(pace.p50_ms for pace in paces),
        p95_ms=max(pace.p95_ms for pace in paces),
        p99_ms=max(pace.p99_ms for pace in paces),
        client_cpu_ms=1000 * sum(figures.cpu_seconds for figures in found) / sales,
        receipts=sales,
    )
