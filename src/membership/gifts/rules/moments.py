"""When a gift can be claimed and until when it waits, as instants. All wall-clock times are the store's.

That no clock skips one of them was checked when the campaign came into force.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from membership.campaigns.content import Collection, GiftOffer
from membership.campaigns.model import CampaignRevision
from membership.campaigns.rules.calendar import closing_moment, drop_moment, wall_moment
from membership.stores.model import Store
from membership.stores.rules import business_day_ends


@dataclass(frozen=True, slots=True)
class ClaimWindow:
    """From the drop until the last moment of one pool's day, `closes_at` excluded."""

    drops_at: datetime
    closes_at: datetime


def claim_window(store: Store, revision: CampaignRevision, rule: GiftOffer, day: date) -> ClaimWindow:
    """What drop time, daily hours, the campaign's end and the time of collection leave of a business day.

    The opening of the campaign is not among them: it differs by tier.
    """
    starts = [drop_moment(store, day, rule.drop_time)]
    ends = [
        business_day_ends(store, day),
        revision.calendars[store.store_id].closes_at,
        collect_until(store, rule.collection, day),
    ]
    for hours in (revision.content.calendar.daily_window, rule.daily_window):
        if hours is not None:
            starts.append(wall_moment(store, day, hours.starts_at))
            ends.append(closing_moment(store, day, hours.ends_at))
    return ClaimWindow(max(starts), min(ends))


def collect_until(store: Store, collection: Collection, day: date) -> datetime:
    """Until when a gift of that business day waits, excluded. A time before the cut-over lies past midnight."""
    return closing_moment(store, day + timedelta(days=collection.days_after), collection.until)
