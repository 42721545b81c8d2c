"""How identities are written down and shown, what a profile may hold, who may consent."""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import fields
from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import phonenumbers
from babel import Locale, UnknownLocaleError
from babel.core import get_global, parse_locale

from membership.kernel.actor import Role
from membership.kernel.payment_cards import refuse_payment_card_numbers
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
    KEEP,
    Birthday,
    ConsentAnswer,
    ConsentPurpose,
    ConsentSource,
    IdentityKind,
    Invitation,
    Profile,
    ProfileChange,
)

MOST_IDENTITIES = 20
MOST_NAME_CHARACTERS = 100
INVITATION_TTL = timedelta(days=7)

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_EMAIL = re.compile(rf"""[^\s@"(),:;<>\[\]\\]{{1,64}}@(?:{_LABEL}\.)+[a-z]{_LABEL}""")
_WECHAT_ID = re.compile(r"[!-~]{6,128}")
_LONGEST_EMAIL = 254
_LEAP_YEAR = 2000


def region_of(zone: ZoneInfo) -> str | None:
    """The country of a store, which phone numbers without a country code are read in. From CLDR's zone list."""
    return _territories().get(zone.key)


@cache
def _territories() -> dict[str, str]:
    return dict(get_global("zone_territories"))


def normalised(kind: IdentityKind, value: str, *, region: str | None) -> str:
    """The one spelling under which an identity is looked up: phone in E.164, e-mail in lower case, WeChat ids as given.

    Raises MalformedIdentity.
    """
    match kind:
        case IdentityKind.PHONE:
            return _phone(value, region)
        case IdentityKind.EMAIL:
            return _email(value)
        case IdentityKind.WECHAT_UNION_ID | IdentityKind.WECHAT_OPEN_ID:
            if _WECHAT_ID.fullmatch(value) is None:
                raise MalformedIdentity(kind.value)
            return value


def _phone(value: str, region: str | None) -> str:
    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException:
        raise MalformedIdentity(IdentityKind.PHONE.value) from None
    if not phonenumbers.is_valid_number(number) or number.extension:
        raise MalformedIdentity(IdentityKind.PHONE.value)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _email(value: str) -> str:
    address = unicodedata.normalize("NFKC", value.strip()).lower()
    if len(address) > _LONGEST_EMAIL or _EMAIL.fullmatch(address) is None:
        raise MalformedIdentity(IdentityKind.EMAIL.value)
    return address


def masked_identity(kind: IdentityKind, value: str) -> str:
    """Enough for the owner to recognise it, too little for anybody else: the last four characters of a phone."""
    match kind:
        case IdentityKind.PHONE:
            return f"•••• {value[-4:]}"
        case IdentityKind.EMAIL:
            name, _, domain = value.rpartition("@")
            return f"{name[0]}•••@{domain}"
        case IdentityKind.WECHAT_UNION_ID | IdentityKind.WECHAT_OPEN_ID:
            return "••••"


def masked_name(name: str) -> str:
    """What a till may greet with: the first character of the first and of the last word, as 王•• or J•• S••."""
    words = name.split()
    shown = words if len(words) < 2 else [words[0], words[-1]]
    return " ".join(f"{word[0]}••" for word in shown)


def display_name(value: str) -> str:
    """A name as it is kept: composed (NFC), without outer spaces. Raises InvalidDisplayName, PaymentCardNumber."""
    name = unicodedata.normalize("NFC", value).strip()
    # Category C: control characters, and the direction marks that would turn the text around them.
    if not 1 <= len(name) <= MOST_NAME_CHARACTERS or any(unicodedata.category(char)[0] == "C" for char in name):
        raise InvalidDisplayName(MOST_NAME_CHARACTERS)
    refuse_payment_card_numbers(name)
    return name


def changed_profile(profile: Profile, change: ProfileChange, *, today: date) -> Profile:
    """Raises InvalidDisplayName, PaymentCardNumber, InvalidBirthday, UnsupportedLocale."""
    name, birthday, locale = change.display_name, change.birthday, change.preferred_locale
    if isinstance(name, str):
        name = display_name(name)
    if isinstance(birthday, Birthday):
        birthday = checked_birthday(birthday, today=today)
    if isinstance(locale, str):
        locale = checked_locale(locale)
    return Profile(
        display_name=profile.display_name if name is KEEP else name,
        birthday=profile.birthday if birthday is KEEP else birthday,
        preferred_locale=profile.preferred_locale if locale is KEEP else locale,
    )


def changed_fields(before: Profile, after: Profile) -> list[str]:
    """The names of the fields that differ, for trails that must not hold the values."""
    return [entry.name for entry in fields(Profile) if getattr(before, entry.name) != getattr(after, entry.name)]


def filled_in(winner: Profile, loser: Profile) -> Profile:
    """The winner's profile after a merge: their own word, and the loser's where they said nothing."""
    return Profile(
        display_name=winner.display_name or loser.display_name,
        birthday=winner.birthday or loser.birthday,
        preferred_locale=winner.preferred_locale or loser.preferred_locale,
    )


def checked_birthday(birthday: Birthday, *, today: date) -> Birthday:
    """29 February is a birthday, with no year or with a leap one. Raises InvalidBirthday."""
    year = birthday.year if birthday.year is not None else _LEAP_YEAR
    try:
        born = date(year, birthday.month, birthday.day)
    except ValueError:
        raise InvalidBirthday from None
    if year < 1900 or (birthday.year is not None and born > today):
        raise InvalidBirthday
    return birthday


def checked_locale(tag: str) -> str:
    """A BCP 47 tag in its usual spelling. Raises UnsupportedLocale."""
    try:
        Locale.parse(tag, sep="-")
        language, territory, script, *_ = parse_locale(tag, sep="-")
    except (ValueError, UnknownLocaleError):
        raise UnsupportedLocale(tag[:35]) from None
    return "-".join(part for part in (language, script, territory) if part)


def consent_source(role: Role) -> ConsentSource:
    """Where an answer of the member comes from. Raises ConsentNotTheirs: a till can never opt a shopper in."""
    if role in (Role.MEMBER, Role.SERVICE):
        return ConsentSource.APP
    if role is Role.MEMBER_SERVICES:
        return ConsentSource.MEMBER_SERVICES
    raise ConsentNotTheirs(role.value)


def check_consents(answers: Collection[ConsentAnswer]) -> None:
    """Raises InvalidConsent when an answer names a brand where it must not, or two answers contradict each other."""
    seen: set[tuple[ConsentPurpose, object]] = set()
    for answer in answers:
        needs_brand = answer.purpose is ConsentPurpose.BRAND_SHARING
        if needs_brand != (answer.brand_id is not None) or (answer.purpose, answer.brand_id) in seen:
            raise InvalidConsent(answer.purpose.value)
        seen.add((answer.purpose, answer.brand_id))


def check_consents_to_join(answers: Collection[ConsentAnswer]) -> None:
    """Raises ConsentRequired unless the shopper agreed to membership, and InvalidConsent."""
    check_consents(answers)
    if not any(answer.purpose is ConsentPurpose.MEMBERSHIP and answer.granted for answer in answers):
        raise ConsentRequired(ConsentPurpose.MEMBERSHIP.value)


def check_invitation(invitation: Invitation, *, phone_hashes: Collection[bytes], now: datetime) -> None:
    """Whether a shopper whose verified phone numbers have these hashes may take it up now.

    Raises InvitationUsed, InvitationExpired, InvitationForSomebodyElse.
    """
    if invitation.accepted_by is not None:
        raise InvitationUsed
    if now >= invitation.expires_at:
        raise InvitationExpired(invitation.expires_at.isoformat(timespec="minutes"))
    if invitation.phone_hash is not None and invitation.phone_hash not in phone_hashes:
        raise InvitationForSomebodyElse
