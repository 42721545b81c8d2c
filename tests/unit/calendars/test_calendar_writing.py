"""What is written is read back the same, by two readers that share no code, on days when clocks change too."""

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from membership.appointments.model import Period
from membership.calendars.model import EntryStatus, Method
from membership.calendars.rules.writing import UID_DOMAIN, Occasion, write_calendar
from membership.kernel.ids import derived_id
from membership.stores.rules import local_instant
from support.calendar_client import by_icalendar, by_vobject, lines

LONDON, SHANGHAI = ZoneInfo("Europe/London"), ZoneInfo("Asia/Shanghai")
ZONES = (LONDON, SHANGHAI, ZoneInfo("Asia/Seoul"), ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe"))
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)
BOOKED = datetime(2026, 3, 1, 9, tzinfo=UTC)
LONG = "连卡佛·试衣与私人预览，须提前预约；请携带会员码" * 8

MINUTES = st.integers(0, 3 * 366 * 24 * 60).map(
    lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
NEAR_CHANGES = st.builds(
    lambda day, minutes: datetime.combine(day, time(), tzinfo=UTC) + timedelta(minutes=minutes),
    st.sampled_from([SPRING, AUTUMN, date(2026, 3, 8), date(2026, 11, 1), date(2026, 4, 4), date(2026, 10, 3)]),
    st.integers(-300, 600),
)
# What PostgreSQL keeps in a text: no zero byte and no halves of characters. Readers strip what surrounds a text.
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=60).map(
    lambda text: f"«{text}»"
)


def occasion(
    start: datetime,
    minutes: int = 60,
    *,
    zone: ZoneInfo = LONDON,
    title: str = "Fitting · Alvenna",
    status: EntryStatus = EntryStatus.CONFIRMED,
    sequence: int = 0,
    uid: UUID | None = None,
    note: str | None = None,
) -> Occasion:
    return Occasion(
        uid=uid or derived_id(start, title),
        sequence=sequence,
        status=status,
        period=Period(start, start + timedelta(minutes=minutes)),
        zone=zone,
        title=title,
        place="Alvenna, 2F, Brompton",
        note=note,
        organizer_id=derived_id("store"),
        organizer="Brompton",
        attendee_id=derived_id("member"),
        booked_at=BOOKED,
        changed_at=BOOKED,
        alarm=timedelta(hours=2),
    )


OCCASIONS = st.builds(
    occasion,
    st.one_of(MINUTES, NEAR_CHANGES),
    st.integers(5, 720),
    zone=st.sampled_from(ZONES),
    title=TEXTS,
    status=st.sampled_from(EntryStatus),
    sequence=st.integers(0, 1_000),
    uid=st.uuids(),
    note=st.none() | TEXTS,
)


def plain(text: str | None) -> str | None:
    """Line breaks of every kind are told as spaces."""
    return None if text is None else "".join(" " if char in BREAKS else char for char in text)


BREAKS = {*map(chr, range(32)), *map(chr, range(127, 160)), "\u2028", "\u2029"}


@given(st.lists(OCCASIONS, max_size=4, unique_by=lambda entry: entry.uid), st.sampled_from(["en", "zh-CN"]))
def test_both_readers_find_what_went_in(occasions: list[Occasion], locale: str) -> None:
    content = write_calendar(occasions, Method.PUBLISH, locale=locale, name="预约")
    expected = [
        (
            f"{entry.uid}@{UID_DOMAIN}",
            entry.sequence,
            entry.status.value,
            (entry.period.start, entry.period.end),
            BOOKED,
            plain(entry.title),
            entry.place,
            plain(entry.note),
            () if entry.status is EntryStatus.CANCELLED else (-entry.alarm,),
        )
        for entry in occasions
    ]
    for read in (by_icalendar, by_vobject):
        found = [
            (e.uid, e.sequence, e.status, e.times, e.stamp, e.title, e.place, e.note, e.alarms) for e in read(content)
        ]
        assert found == expected, read.__name__


@given(st.lists(OCCASIONS, max_size=3), st.sampled_from(Method), st.none() | TEXTS)
def test_lines_are_folded_between_characters_at_75_bytes(
    occasions: list[Occasion], method: Method, name: str | None
) -> None:
    content = write_calendar(occasions, method, locale="zh-CN", name=name)
    for line in lines(content):
        assert len(line) <= 75
        assert b"\n" not in line and b"\r" not in line
        line.decode()  # no character is torn in two


def test_long_chinese_is_folded_and_read_back() -> None:
    content = write_calendar([occasion(BOOKED, title=LONG)], Method.PUBLISH, locale="zh-CN", name=LONG)
    assert max(len(line) for line in lines(content)) > 70
    assert [event.title for event in by_vobject(content)] == [LONG]
    calendar = Calendar.from_ical(content)
    assert (calendar["x-wr-calname"], calendar["name"]) == (LONG, LONG)


def test_text_is_escaped() -> None:
    text = r"Cut, colour; and \ more"
    content = write_calendar([occasion(BOOKED, title=text)], Method.PUBLISH, locale="en", name=text)
    assert rb"SUMMARY;LANGUAGE=en:Cut\, colour\; and \\ more" in content
    assert rb"X-WR-CALNAME:Cut\, colour\; and \\ more" in content
    assert rb"NAME:Cut\, colour\; and \\ more" in content


@pytest.mark.parametrize(
    ("day", "at", "minutes", "start", "end"),
    [
        # Clocks are set forward at 01:00: an evening that closes at 02:00 is an hour shorter.
        (SPRING - timedelta(days=1), time(23, 30), 60, "20260328T233000", "20260329T003000"),
        (SPRING, time(0, 30), 60, "20260329T003000", "20260329T023000"),
        (SPRING, time(10), 60, "20260329T100000", "20260329T110000"),
        # Set back at 02:00: from the first 00:30 it is two hours and a half to 02:00.
        (AUTUMN, time(0, 15), 45, "20261025T001500", "20261025T010000"),
        (AUTUMN, time(10), 60, "20261025T100000", "20261025T110000"),
        (date(2026, 7, 4), time(23, 30), 90, "20260704T233000", "20260705T010000"),
    ],
)
def test_times_are_the_stores_clock(day: date, at: time, minutes: int, start: str, end: str) -> None:
    content = write_calendar([occasion(local_instant(LONDON, day, at), minutes)], Method.PUBLISH, locale="en").decode()
    assert f"DTSTART;TZID=Europe/London:{start}\r\n" in content
    assert f"DTEND;TZID=Europe/London:{end}\r\n" in content


def test_an_hour_that_comes_twice_is_told_in_utc_the_second_time() -> None:
    second = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)  # 01:30 again
    content = write_calendar([occasion(second, 20)], Method.PUBLISH, locale="en").decode()
    assert "DTSTART:20261025T013000Z\r\n" in content
    assert "DTEND:20261025T015000Z\r\n" in content


def test_the_zone_changes_when_the_law_says() -> None:
    """RFC 5545, 3.6.5: the onset is the wall clock before the change."""
    content = write_calendar([occasion(datetime(2026, 6, 1, tzinfo=UTC))], Method.PUBLISH, locale="en").decode()
    assert (
        "BEGIN:DAYLIGHT\r\nDTSTART:20260329T010000\r\nTZOFFSETFROM:+0000\r\nTZOFFSETTO:+0100\r\nTZNAME:BST\r\n"
    ) in content
    assert (
        "BEGIN:STANDARD\r\nDTSTART:20261025T020000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0000\r\nTZNAME:GMT\r\n"
    ) in content


def test_a_feed_says_who_it_is_and_how_often_to_look() -> None:
    content = write_calendar([occasion(BOOKED)], Method.PUBLISH, locale="en", name="SKP: appointments").decode()
    for line in (
        "METHOD:PUBLISH",
        "NAME:SKP: appointments",
        "X-WR-CALNAME:SKP: appointments",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        "CLASS:PRIVATE",
    ):
        assert f"\r\n{line}\r\n" in content
    assert "ATTENDEE" not in content  # RFC 5546, 3.2.1


@pytest.mark.parametrize("method", [Method.REQUEST, Method.CANCEL])
def test_a_single_file_names_who_asks_whom(method: Method) -> None:
    [event] = Calendar.from_ical(write_calendar([occasion(BOOKED)], method, locale="en")).walk("VEVENT")
    assert event["organizer"] == f"urn:uuid:{derived_id('store')}"
    assert event["attendee"] == f"urn:uuid:{derived_id('member')}"
    assert event["attendee"].params["RSVP"] == "FALSE"


def test_what_has_not_changed_is_the_same_bytes() -> None:
    assert write_calendar([occasion(BOOKED)], Method.PUBLISH, locale="ko") == write_calendar(
        [occasion(BOOKED)], Method.PUBLISH, locale="ko"
    )
