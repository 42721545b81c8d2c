"""When a board is told anew to those who watch it."""

from collections.abc import Collection, Mapping
from typing import TypeAlias

from membership.appointments.boards import Boards
from membership.appointments.model import BoardDay, BoardVersion
from membership.visits.store import TieVersion
from membership.visits.ties import Ties

ShownVersion: TypeAlias = tuple[BoardVersion, TieVersion]


async def board_versions(boards: Boards, ties: Ties, days: Collection[BoardDay]) -> Mapping[BoardDay, ShownVersion]:
    """Another one when anything that a board shows has changed, what is tied to its appointments too."""
    of_boards = await boards.versions(days)
    of_ties = await ties.versions(days, boards.clock.now())
    return {day: (of_boards[day], of_ties[day]) for day in days}
