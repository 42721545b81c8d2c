"""Whether two accounts can become one, and which consents go along."""

from collections.abc import Iterable

from membership.accounts.errors import MemberAlreadyMerged
from membership.members.errors import UnknownMember
from membership.members.model import Consent, Member, MemberStatus


def is_done_already(winner: Member, loser: Member) -> bool:
    """Whether this very merge took place before: then a repeat is answered, not refused.

    Raises MemberAlreadyMerged, UnknownMember for somebody whose data were erased.
    """
    if MemberStatus.ERASED in (winner.status, loser.status):
        raise UnknownMember
    if winner.status is MemberStatus.MERGED:
        raise MemberAlreadyMerged("winner")
    if loser.status is MemberStatus.ACTIVE:
        return False
    if loser.merged_into != winner.member_id:
        raise MemberAlreadyMerged("loser")
    return True


def carried_over(winner: Iterable[Consent], loser: Iterable[Consent]) -> list[Consent]:
    """The loser's answers that count for the winner: it is one person, and their last word counts."""
    said = {(entry.programme_id, entry.answer.purpose, entry.answer.brand_id): entry.recorded_at for entry in winner}
    return [
        entry
        for entry in loser
        if (before := said.get((entry.programme_id, entry.answer.purpose, entry.answer.brand_id))) is None
        or before < entry.recorded_at
    ]
