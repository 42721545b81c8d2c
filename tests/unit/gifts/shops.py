"""Stores in other zones, and a revision in force in one of them."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from membership.campaigns.content import Calendar, CampaignContent, Funding, GiftOffer, GiftPool
from membership.campaigns.model import CampaignId, CampaignRevision, RevisionId
from membership.campaigns.rules.calendar import resolve
from membership.kernel.ids import derived_id
from membership.stores.model import OpeningHours, ProgrammeId, Store, StoreId

MALL = Funding(mall_basis_points=10_000, brand_basis_points=0)


def shop(zone: str = "Asia/Shanghai", *, cutover: time = time(4)) -> Store:
    return Store(
        store_id=StoreId(derived_id("store", zone)),
        programme_id=ProgrammeId(derived_id("programme")),
        code=zone.upper(),
        names={"en": zone},
        zone=ZoneInfo(zone),
        cutover=cutover,
        opening_hours=OpeningHours(weekly={}),
    )


def gift(**others: object) -> GiftOffer:
    pool = GiftPool(code="MAIN", desk="2F-ALVENNA", units_per_day=10)
    return GiftOffer.model_validate(
        {
            "code": "DAILY-GIFT",
            "names": {"en": "Daily gift"},
            "funding": MALL,
            "unit_cost_minor": 100,
            "pools": (pool,),
            **others,
        }
    )


def in_force(store: Store, calendar: Calendar, rule: GiftOffer, *, code: str = "ANNIVERSARY-2026") -> CampaignRevision:
    content = CampaignContent(names={"en": "Anniversary"}, stores=(store.code,), calendar=calendar, rules=(rule,))
    return CampaignRevision(
        revision_id=RevisionId(derived_id("revision", code)),
        campaign_id=CampaignId(derived_id("campaign", code)),
        programme_id=store.programme_id,
        code=code,
        number=1,
        content=content,
        calendars={store.store_id: resolve(content, store)},
        scheduled_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
