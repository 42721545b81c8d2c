"""The search for personal values at the end of a run finds what stands where it must not, and nothing else."""

import io

import pytest
import structlog

from membership.logging import MASK
from membership.postgres.catalogue import queries_of
from support import canaries
from support.canaries import WATCH, Watch, search

PHONE, CARD = "+8613800138007", "628000000017"


def test_what_a_careless_line_logs_is_masked_before_it_is_searched_for() -> None:
    """Without the mask of membership.logging this line turns the whole run red."""
    WATCH.note(PHONE)
    structlog.get_logger("membership.careless").warning(f"could not text {PHONE}", number=PHONE, phone=PHONE)
    assert WATCH.logs.getvalue().splitlines()[-1].count(MASK) == 3


@pytest.mark.parametrize(
    ("event", "found"),
    [
        ("Li Wei called", "a name or secret in the log of membership.tills"),
        ("called li.wei@example.com", "something that looks personal in the log of membership.tills"),
        ("card 628000000017", "something that looks personal in the log of membership.tills"),
        # pragma: allowlist nextline secret
        ("sent eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "something that looks personal in the log of"),
        (f"called {MASK}", None),
        ("sale 01990000-0000-7000-8000-123456789012 of CNY 1200000", None),
    ],
)
def test_a_line_of_the_log(event: str, found: str | None) -> None:
    logs = io.StringIO(f'{{"event": "{event}", "logger": "membership.tills"}}\n')
    complaints = list(search(Watch(values={"Li Wei"}, logs=logs)))
    assert len(complaints) == (found is not None)
    assert found is None or complaints[0].startswith(found)


def test_a_text_that_was_kept_is_told_without_its_values() -> None:
    kept = {("what a client is told", f"UNKNOWN_MEMBER: Nobody has {PHONE}."), ("the audit trail", "{}")}
    assert list(search(Watch(values={PHONE, CARD}, texts=kept))) == [
        "a phone number in what a client is told: UNKNOWN_MEMBER: Nobody has …."
    ]


@pytest.mark.parametrize(
    ("label", "found"),
    [
        ("Li Wei", "a name or secret in metrics: x_total{who="),
        ("li.wei@example.com", "something that looks personal in metrics"),
        ("MemberHome", None),
    ],
)
def test_a_label_of_a_metric(monkeypatch: pytest.MonkeyPatch, label: str, found: str | None) -> None:
    """Its value is not looked at: a number of points may look like a phone number."""
    watch = Watch(values={"Li Wei"})
    monkeypatch.setattr(canaries, "WATCH", watch)
    canaries.keep_metrics(f'# HELP x {label}\nx_total{{who="{label}"}} 13800138000.0\n')
    complaints = list(search(watch))
    assert len(complaints) == (found is not None)
    assert found is None or complaints[0].startswith(found)


def test_statements_of_the_catalogue_are_the_same_for_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch()
    monkeypatch.setattr(canaries, "WATCH", watch)
    watch.note("Every brand")
    constant = next(query.text for query in queries_of("stores") if "Every brand" in query.text)

    canaries.keep_statements([constant])
    assert list(search(watch)) == []

    canaries.keep_statements([f"{constant} WHERE name = 'Every brand'"])
    assert len(list(search(watch))) == 1
