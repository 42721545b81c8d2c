"""Whether two accounts can become one, and which consents go along."""

from collections.abc import Iterable
from dataclasses import replace

from membership.accounts.errors import MemberAlreadyMerged
from membership.kernel.ids import NewId
from membership.members.errors import UnknownMember
from membership.members.model import (
    Consent,
    ConsentId,
    ConsentPurpose,
    Member,
    MemberId,
    MembershipKey,
    MemberStatus,
)
from membership.stores.model import BrandId, ProgrammeId


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


def carried_over(winner: MemberId, consents: Iterable[Consent], *, new_id: NewId) -> list[Consent]:
    """The loser's answers, said again for the winner where they count: it is one person, and the last word counts.

    `consents`: the latest answers of both, per programme, purpose and brand.
    """
    latest = list(consents)
    mine = [entry for entry in latest if entry.membership.member_id == winner]
    theirs = [entry for entry in latest if entry.membership.member_id != winner]
    said = {_question(entry): entry.recorded_at for entry in mine}
    return [
        replace(
            entry,
            consent_id=ConsentId(new_id()),
            membership=MembershipKey(winner, entry.membership.programme_id),
        )
        for entry in theirs
        if (before := said.get(_question(entry))) is None or before < entry.recorded_at
    ]


def _question(consent: Consent) -> tuple[ProgrammeId, ConsentPurpose, BrandId | None]:
    return consent.membership.programme_id, consent.answer.purpose, consent.answer.brand_id
