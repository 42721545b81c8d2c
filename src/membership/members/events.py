"""Facts about members that others may react to. No personal values: ids and kinds."""

from membership.members.model import ConsentAnswer, IdentityKind, MemberId, MembershipKey
from membership.postgres.transaction import Event


def enrolled(key: MembershipKey, *, home_store_id: str, invited: bool) -> Event:
    return Event(
        "members.enrolled",
        key.member_id,
        {
            "member_id": str(key.member_id),
            "programme_id": str(key.programme_id),
            "home_store_id": home_store_id,
            "invited": invited,
        },
    )


def identity_added(member_id: MemberId, kind: IdentityKind) -> Event:
    return Event("members.identity_added", member_id, {"member_id": str(member_id), "kind": kind.value})


def identity_removed(member_id: MemberId, kind: IdentityKind) -> Event:
    return Event("members.identity_removed", member_id, {"member_id": str(member_id), "kind": kind.value})


def profile_changed(member_id: MemberId, fields: list[str]) -> Event:
    return Event("members.profile_changed", member_id, {"member_id": str(member_id), "fields": fields})


def consent_recorded(key: MembershipKey, answer: ConsentAnswer) -> Event:
    return Event(
        "members.consent_recorded",
        key.member_id,
        {
            "member_id": str(key.member_id),
            "programme_id": str(key.programme_id),
            "purpose": answer.purpose.value,
            "brand_id": str(answer.brand_id) if answer.brand_id else None,
            "granted": answer.granted,
        },
    )


def merged(*, loser: MemberId, winner: MemberId) -> Event:
    return Event("members.merged", winner, {"winner_id": str(winner), "loser_id": str(loser)})
