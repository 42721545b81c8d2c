"""Ids of the sample, derived from codes: the same sample has the same ids in every database."""

from uuid import UUID

from membership.appointments.model import ResourceId, ResourceKind, ServiceId
from membership.campaigns.model import CampaignId, RevisionId
from membership.coupons.model import OfferId
from membership.kernel.ids import derived_id
from membership.members.model import MemberId
from membership.points.model import AdjustmentId
from membership.stores.model import BrandId, CategoryId, CounterId, FloorId, ProgrammeId, StoreId, TillId


def programme_id(programme: str) -> ProgrammeId:
    return ProgrammeId(_id("programme", programme))


def store_id(store: str) -> StoreId:
    return StoreId(_id("store", store))


def floor_id(store: str, floor: str) -> FloorId:
    return FloorId(_id("floor", store, floor))


def brand_id(programme: str, brand: str) -> BrandId:
    return BrandId(_id("brand", programme, brand))


def category_id(programme: str, category: str) -> CategoryId:
    return CategoryId(_id("category", programme, category))


def counter_id(store: str, counter: str) -> CounterId:
    return CounterId(_id("counter", store, counter))


def till_id(store: str, till: str) -> TillId:
    return TillId(_id("till", store, till))


def member_id(code: str) -> MemberId:
    """Of a named member."""
    return MemberId(_id("member", code))


def adjustment_id(member: str) -> AdjustmentId:
    """Of the adjustment that waits for a named member."""
    return AdjustmentId(_id("adjustment", member))


def resource_id(store: str, counter: str, kind: ResourceKind, code: str) -> ResourceId:
    """Of an associate by the staff number, of a room or a place by its code."""
    return ResourceId(_id("resource", store, counter, kind.value, code))


def service_id(store: str, counter: str, service: str) -> ServiceId:
    return ServiceId(_id("service", store, counter, service))


def campaign_id(programme: str, campaign: str) -> CampaignId:
    return CampaignId(_id("campaign", programme, campaign))


def revision_id(programme: str, campaign: str, number: int) -> RevisionId:
    return RevisionId(_id("revision", programme, campaign, str(number)))


def coupon_offer_id(campaign_id: CampaignId, rule: str) -> OfferId:
    return OfferId(derived_id("coupons.offer", campaign_id, rule))


def till_code_of(counter: str) -> str:
    """Each counter has one till."""
    return f"{counter}-01"


def _id(kind: str, *codes: str) -> UUID:
    return derived_id("sample", kind, *codes)
