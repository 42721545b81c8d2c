"""Identities in one spelling, what others see of them, profiles, consents, invitations."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.kernel.actor import Role
from membership.kernel.errors import DomainError
from membership.members import rules
from membership.members.errors import (
    ConsentNotTheirs,
    ConsentRequired,
    InvalidBirthday,
    InvalidConsent,
    InvalidDisplayName,
    InvitationExpired,
    InvitationForSomebodyElse,
    InvitationUsed,
    MalformedIdentity,
    UnsupportedLocale,
)
from membership.members.model import (
    Birthday,
    ConsentAnswer,
    ConsentPurpose,
    ConsentSource,
    IdentityKind,
    Invitation,
    InvitationId,
    MemberId,
    Profile,
    ProfileChange,
)
from membership.stores.model import BrandId, ProgrammeId, StoreId

PHONE, EMAIL, UNION_ID = IdentityKind.PHONE, IdentityKind.EMAIL, IdentityKind.WECHAT_UNION_ID
TODAY = date(2026, 5, 20)


@pytest.mark.parametrize(
    ("zone", "region"), [("Asia/Shanghai", "CN"), ("Asia/Seoul", "KR"), ("Europe/London", "GB"), ("UTC", None)]
)
def test_a_stores_country_follows_from_its_zone(zone: str, region: str | None) -> None:
    assert rules.region_of(ZoneInfo(zone)) == region


@pytest.mark.parametrize(
    ("kind", "value", "region", "normalised"),
    [
        (PHONE, "138 0013 8000", "CN", "+8613800138000"),
        (PHONE, "+86 138-0013-8000", "GB", "+8613800138000"),
        (PHONE, "0086 13800138000", "CN", "+8613800138000"),
        (PHONE, "010-1234-5678", "KR", "+821012345678"),
        (PHONE, "07400 123456", "GB", "+447400123456"),
        (PHONE, "+852 5123 4567", None, "+85251234567"),
        (EMAIL, "  Li.Wei@Example.COM ", None, "li.wei@example.com"),
        (EMAIL, "\uff41@example.com", None, "a@example.com"),
        (UNION_ID, "oABC-def_123456", None, "oABC-def_123456"),
    ],
)
def test_an_identity_has_one_spelling(kind: IdentityKind, value: str, region: str | None, normalised: str) -> None:
    assert rules.normalised(kind, value, region=region) == normalised
    assert rules.normalised(kind, normalised, region=region) == normalised


@pytest.mark.parametrize(
    ("kind", "value", "region"),
    [
        (PHONE, "13800138000", None),
        (PHONE, "12345", "CN"),
        (PHONE, "", "CN"),
        (PHONE, "not a number", "CN"),
        (PHONE, "010 6552 9988 ext. 12", "CN"),
        (PHONE, "9" * 400, "CN"),
        (EMAIL, "li.wei", None),
        (EMAIL, "li wei@example.com", None),
        (EMAIL, "a@b", None),
        (EMAIL, "a@-b.com", None),
        (EMAIL, "a" * 65 + "@example.com", None),
        (EMAIL, "a@" + "b." * 130 + "com", None),
        (UNION_ID, "a b c d e f", None),
        (UNION_ID, "", None),
        (UNION_ID, "x" * 129, None),
    ],
)
def test_what_is_no_identity_is_refused_without_repeating_it(
    kind: IdentityKind, value: str, region: str | None
) -> None:
    with pytest.raises(MalformedIdentity) as refused:
        rules.normalised(kind, value, region=region)
    assert not value.strip() or value.strip() not in str(refused.value)


@given(st.text(max_size=40), st.sampled_from(list(IdentityKind)), st.sampled_from(["CN", "KR", "GB", None]))
def test_any_text_is_normalised_once_or_refused(value: str, kind: IdentityKind, region: str | None) -> None:
    try:
        once = rules.normalised(kind, value, region=region)
    except MalformedIdentity:
        return
    assert rules.normalised(kind, once, region=None) == once


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        (PHONE, "+8613800138000", "•••• 8000"),
        (EMAIL, "li.wei@example.com", "l•••@example.com"),
        (UNION_ID, "oABC-def_123456", "••••"),
    ],
)
def test_an_identity_is_shown_masked(kind: IdentityKind, value: str, shown: str) -> None:
    assert rules.masked_identity(kind, value) == shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [("王小明", "王••"), ("John Smith", "J•• S••"), ("Ana María de la Cruz", "A•• C••"), ("X", "X••")],
)
def test_a_till_sees_initials(name: str, shown: str) -> None:
    assert rules.masked_name(name) == shown


@pytest.mark.parametrize("value", ["", "   ", "a\nb", "x" * 101, "a\u202eb", "a\x00"])
def test_a_name_that_cannot_be_shown_is_refused(value: str) -> None:
    with pytest.raises(InvalidDisplayName):
        rules.display_name(value)


def test_a_name_is_composed_and_trimmed() -> None:
    assert rules.display_name("  Jose\u0301 ") == "José"


@pytest.mark.parametrize(
    ("birthday", "fits"),
    [
        (Birthday(2, 29), True),
        (Birthday(2, 29, 2000), True),
        (Birthday(2, 29, 2001), False),
        (Birthday(2, 30), False),
        (Birthday(0, 1), False),
        (Birthday(13, 1), False),
        (Birthday(5, 20, 2026), True),
        (Birthday(5, 21, 2026), False),
        (Birthday(1, 1, 1899), False),
        (Birthday(1, 1, 0), False),
        (Birthday(1, 1, 99999), False),
    ],
)
def test_birthdays(birthday: Birthday, fits: bool) -> None:
    if fits:
        assert rules.checked_birthday(birthday, today=TODAY) == birthday
    else:
        with pytest.raises(InvalidBirthday):
            rules.checked_birthday(birthday, today=TODAY)


@pytest.mark.parametrize(
    ("tag", "kept"), [("zh-CN", "zh-CN"), ("ZH-cn", "zh-CN"), ("en", "en"), ("zh-hant-hk", "zh-Hant-HK")]
)
def test_locales_are_kept_in_their_usual_spelling(tag: str, kept: str) -> None:
    assert rules.checked_locale(tag) == kept


@pytest.mark.parametrize("tag", ["", "not a tag", "xx-YY-ZZ", "e" * 200])
def test_what_is_no_locale_is_refused(tag: str) -> None:
    with pytest.raises(UnsupportedLocale):
        rules.checked_locale(tag)


def test_a_change_leaves_what_it_does_not_name_and_clears_what_it_names_as_none() -> None:
    before = Profile("Li Wei", Birthday(3, 8), "zh-CN")
    after = rules.changed_profile(before, ProfileChange(birthday=None, preferred_locale="en"), today=TODAY)
    assert after == Profile("Li Wei", None, "en")
    assert rules.changed_fields(before, after) == ["birthday", "preferred_locale"]
    assert rules.changed_fields(before, rules.changed_profile(before, ProfileChange(), today=TODAY)) == []


def test_a_merged_profile_is_the_winners_with_gaps_filled_by_the_losers() -> None:
    winner, loser = Profile(display_name="Li Wei"), Profile("Wei", Birthday(3, 8), "ko")
    assert rules.filled_in(winner, loser) == Profile("Li Wei", Birthday(3, 8), "ko")


@pytest.mark.parametrize("role", list(Role))
def test_only_the_member_and_who_stands_for_them_can_consent_and_a_till_never_can(role: Role) -> None:
    sources = {
        Role.MEMBER: ConsentSource.APP,
        Role.SERVICE: ConsentSource.APP,
        Role.MEMBER_SERVICES: ConsentSource.MEMBER_SERVICES,
    }
    if role in sources:
        assert rules.consent_source(role) is sources[role]
    else:
        with pytest.raises(ConsentNotTheirs):
            rules.consent_source(role)


BRAND = BrandId(UUID(int=1))
MEMBERSHIP = ConsentAnswer(ConsentPurpose.MEMBERSHIP, granted=True)


@pytest.mark.parametrize(
    ("answers", "refusal"),
    [
        ((MEMBERSHIP,), None),
        ((MEMBERSHIP, ConsentAnswer(ConsentPurpose.BRAND_SHARING, granted=True, brand_id=BRAND)), None),
        ((), ConsentRequired),
        ((ConsentAnswer(ConsentPurpose.MEMBERSHIP, granted=False),), ConsentRequired),
        ((ConsentAnswer(ConsentPurpose.MARKETING, granted=True),), ConsentRequired),
        ((MEMBERSHIP, ConsentAnswer(ConsentPurpose.BRAND_SHARING, granted=True)), InvalidConsent),
        ((MEMBERSHIP, ConsentAnswer(ConsentPurpose.MARKETING, granted=True, brand_id=BRAND)), InvalidConsent),
        ((MEMBERSHIP, ConsentAnswer(ConsentPurpose.MEMBERSHIP, granted=False)), InvalidConsent),
    ],
)
def test_consents_to_join(answers: tuple[ConsentAnswer, ...], refusal: type[DomainError] | None) -> None:
    if refusal is None:
        rules.check_consents_to_join(answers)
    else:
        with pytest.raises(refusal):
            rules.check_consents_to_join(answers)


NOW = datetime(2026, 5, 20, 4, tzinfo=UTC)


def invitation(
    *, phone_hash: bytes | None = None, expires_in: timedelta = timedelta(days=1), accepted: bool = False
) -> Invitation:
    return Invitation(
        InvitationId(UUID(int=1)),
        ProgrammeId(UUID(int=2)),
        StoreId(UUID(int=3)),
        None,
        token_key_version=1,
        phone_hash=phone_hash,
        invited_at=NOW,
        expires_at=NOW + expires_in,
        accepted_by=MemberId(UUID(int=4)) if accepted else None,
    )


@pytest.mark.parametrize(
    ("offered", "phone_hashes", "refusal"),
    [
        (invitation(), [], None),
        (invitation(phone_hash=b"a"), [b"b", b"a"], None),
        (invitation(phone_hash=b"a"), [b"b"], InvitationForSomebodyElse),
        (invitation(phone_hash=b"a"), [], InvitationForSomebodyElse),
        (invitation(accepted=True), [], InvitationUsed),
        (invitation(expires_in=timedelta()), [], InvitationExpired),
        (invitation(expires_in=timedelta(microseconds=1)), [], None),
    ],
)
def test_who_may_take_up_an_invitation(
    offered: Invitation, phone_hashes: list[bytes], refusal: type[DomainError] | None
) -> None:
    if refusal is None:
        rules.check_invitation(offered, phone_hashes=phone_hashes, now=NOW)
    else:
        with pytest.raises(refusal):
            rules.check_invitation(offered, phone_hashes=phone_hashes, now=NOW)
