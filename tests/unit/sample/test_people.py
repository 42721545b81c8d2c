"""Invented people: nobody is meant, nobody's telephone rings, and the same number is the same person."""

from random import Random

import phonenumbers
import pytest

from membership.members.model import IdentityKind
from membership.members.rules import checked_birthday, checked_locale, display_name, normalised
from membership.sample.files import PEOPLE, read_toml, sample_cast, sample_people
from membership.sample.generator import Recipe
from membership.sample.people import Crowd
from sample_generation import NOW, TODAY

PROGRAMMES = ("CHAOYANG", "HANGANG", "BROMPTON")


def test_every_row_about_people_is_marked() -> None:
    for rows in read_toml(PEOPLE).values():
        assert isinstance(rows, list)
        assert all("source" in row for row in rows)
    assert all(row.source == "invented" for row in sample_cast())


@pytest.mark.parametrize("programme", PROGRAMMES)
def test_people_are_what_the_slices_accept(programme: str) -> None:
    crowd = Crowd(programme)
    for number in range(300):
        person = crowd.person(Random(number), number)
        assert display_name(person.name) == person.name
        assert checked_locale(person.locale) == person.locale
        if person.birthday is not None:
            assert checked_birthday(person.birthday, today=TODAY) == person.birthday
        if person.phone is not None:
            assert normalised(IdentityKind.PHONE, person.phone, region=None) == person.phone
        if person.email is not None:
            assert normalised(IdentityKind.EMAIL, person.email, region=None) == person.email
            assert person.email.endswith("@example.com")
        assert person.phone or person.email


@pytest.mark.parametrize("programme", PROGRAMMES)
def test_telephone_numbers_differ_and_stay_in_ranges_without_subscribers(programme: str) -> None:
    crowd = Crowd(programme)
    ranges = [row for row in sample_people().phone_ranges if row.programme == programme]
    phones = [crowd.person(Random(1), number).phone for number in range(5_000)]
    phones += [crowd.reserved(place) for place in range(100)]
    assert len(phones) == len(set(phones))
    for phone in phones:
        assert phone is not None
        assert any(phone.startswith(row.prefix) and len(phone) == len(row.prefix) + row.digits for row in ranges)
        assert phonenumbers.is_valid_number(phonenumbers.parse(phone))


def test_who_finds_no_number_left_has_an_email_address() -> None:
    person = Crowd("BROMPTON").person(Random(1), 1_000_000)
    assert person.phone is None
    assert person.email == "brompton.1000000@example.com"


def test_the_same_number_is_the_same_person() -> None:
    recipe = Recipe(10, 1, TODAY, NOW)
    first = Crowd("CHAOYANG").person(recipe.chance("CHAOYANG", 7), 7)
    assert first == Crowd("CHAOYANG").person(recipe.chance("CHAOYANG", 7), 7)
    assert first != Crowd("CHAOYANG").person(Recipe(10, 2, TODAY, NOW).chance("CHAOYANG", 7), 7)
