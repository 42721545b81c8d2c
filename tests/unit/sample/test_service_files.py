"""What can be booked, as the data files say."""

import pytest
from pydantic import ValidationError

from membership.appointments.model import ResourceKind
from membership.sample.files import LOCALES, read_toml, sample_programmes
from membership.sample.service_files import SERVICES, STAFF, StaffRow, sample_services, sample_staff

COUNTERS = [(sample.programme.code, counter) for sample in sample_programmes() for counter in sample.counters]


@pytest.mark.parametrize("name", [SERVICES, STAFF])
def test_every_row_is_marked(name: str) -> None:
    (rows,) = read_toml(name).values()
    assert isinstance(rows, list)
    assert all(row["source"] == "invented" or row["source"].startswith("published: ") for row in rows)


def test_services_are_named_in_every_locale_and_offered_somewhere() -> None:
    assert {code for _, counter in COUNTERS for code in counter.services} == set(sample_services())
    for row in sample_services().values():
        assert row.names.keys() >= LOCALES


def test_counters_have_what_their_services_need() -> None:
    for _, counter in COUNTERS:
        needs = {kind for code in counter.services for kind in sample_services()[code].needs}
        assert (ResourceKind.ROOM in needs) == bool(counter.rooms), counter.code
        assert (ResourceKind.UNIT in needs) == bool(counter.places), counter.code
        with_places = [code for code in counter.services if ResourceKind.UNIT in sample_services()[code].needs]
        assert len(with_places) <= 1, f"{counter.code}: the places are of one service"


def test_brands_answer_what_has_a_time_to_answer() -> None:
    for _, counter in COUNTERS:
        assert set(counter.accepts) <= set(counter.services)
        assert all(sample_services()[code].rules.answer_minutes is not None for code in counter.accepts)
    assert {programme for programme, counter in COUNTERS if counter.accepts} == {"CHAOYANG", "HANGANG", "BROMPTON"}


def test_moments_of_all_services_lie_on_the_grid_of_the_diary() -> None:
    for row in sample_services().values():
        rules = row.rules
        minutes = (rules.duration_minutes, rules.every_minutes, rules.before_minutes, rules.after_minutes)
        assert all(value % 5 == 0 for value in minutes), row.code


def test_staff_have_names_in_the_languages_of_their_store() -> None:
    assert {row.programme: set(row.locales) for row in sample_staff().values()} == {
        "CHAOYANG": {"zh-CN", "en"},
        "HANGANG": {"ko", "zh-CN", "en"},
        "BROMPTON": {"en"},
    }


def test_a_name_that_lacks_a_spelling_is_refused() -> None:
    row = sample_staff()["CHAOYANG"].model_dump()
    with pytest.raises(ValidationError, match="each name and separator in zh-CN, en"):
        StaffRow.model_validate(row | {"given": [*row["given"][:-1], ["雅琴"]]})
    with pytest.raises(ValidationError, match="repeat too early"):
        StaffRow.model_validate(row | {"given": [*row["given"], *row["given"][:8]]})
