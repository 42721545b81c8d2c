"""Which revision of a programme's terms is in force."""

from datetime import UTC, datetime, timedelta

import pytest

from membership.kernel.ids import new_id
from membership.stores.model import NeverExpires, Programme, ProgrammeId, ProgrammeTerms, ReturnPolicy, TermsRevision
from membership.stores.rules import terms_at

TERMS = ProgrammeTerms(
    activation_delay_days=0,
    expiry=NeverExpires(),
    return_policy=ReturnPolicy.ALLOW_NEGATIVE,
    expired_refund_grace_days=30,
    redemption=None,
    second_person_from_points=1,
)
SECOND, THIRD = datetime(2025, 4, 1, tzinfo=UTC), datetime(2025, 11, 1, tzinfo=UTC)
PROGRAMME = Programme(
    programme_id=ProgrammeId(new_id()),
    code="P",
    names={},
    currency="CNY",
    minor_unit_exponent=2,
    terms=(
        TermsRevision(1, datetime(2024, 1, 1, tzinfo=UTC), TERMS),
        TermsRevision(2, SECOND, TERMS),
        TermsRevision(3, THIRD, TERMS),
    ),
)


@pytest.mark.parametrize(
    ("instant", "revision"),
    [
        (datetime(2023, 1, 1, tzinfo=UTC), 1),
        (SECOND - timedelta(microseconds=1), 1),
        (SECOND, 2),
        (THIRD - timedelta(microseconds=1), 2),
        (THIRD, 3),
        (datetime(2099, 1, 1, tzinfo=UTC), 3),
    ],
)
def test_the_latest_revision_that_is_effective_is_in_force(instant: datetime, revision: int) -> None:
    assert terms_at(PROGRAMME, instant).revision == revision
