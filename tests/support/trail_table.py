"""What each mutation of the schema leaves of what staff do with it: the table.

A mutation has one row: the actions of the audit trail, one of which is in the transaction that changes something;
or the append-only record that tells the same, with the reason; or it is for members only, whose own acts on their own
data leave the ledger, the states of what they have, and the outbox. Every role that may run a mutation leaves the
same: services audit by `audit` or `audit_staff`, and those know no roles but members and staff.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entries:
    """Actions of platform.audit_entries, as patterns."""

    actions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """A table that says who, what, when and how much, and keeps it."""

    table: str
    because: str


@dataclass(frozen=True, slots=True)
class MembersOwn:
    """No member of staff may run it."""


Trail = Entries | Record | MembersOwn


def _entries(*actions: str) -> Entries:
    return Entries(actions)


_RECEIPT = "a till's sale is its receipt: till, number, day, basket and decision, whose amounts nobody may change"
_RETURN = "a till's return is a receipt of its own, and append-only"
_QUOTE = "what a till was told stays with its quote, and moves nothing until the sale says so"
_OWN = MembersOwn()

TRAIL: dict[str, Trail] = {
    # People and cards
    "enrol": _entries("accounts.enrol"),
    "updateProfile": _entries("members.update_profile"),
    "addIdentity": _entries("members.add_identity"),
    "removeIdentity": _entries("members.remove_identity"),
    "recordConsent": _entries("members.record_consent"),
    "mergeMembers": _entries("accounts.merge"),
    "inviteMember": _entries("members.invite"),
    "confirmSpending": _OWN,
    "issueCard": _entries("cards.issue"),
    "replaceCard": _entries("cards.replace"),
    "blockCard": _entries("cards.block"),
    "unblockCard": _entries("cards.unblock"),
    "closeCard": _entries("cards.close"),
    # Points and tiers
    "adjustPoints": _entries("points.adjust", "points.request_adjustment"),
    "approveAdjustment": _entries("points.adjust"),
    "rejectAdjustment": _entries("points.reject_adjustment"),
    "grantTier": _entries("tiers.grant"),
    "endTierGrant": _entries("tiers.end_grant"),
    "runTierReview": _entries("tiers.review"),
    # Coupons and gifts
    "claimCoupon": _OWN,
    "buyCoupon": _OWN,
    "redeemCouponCode": _OWN,
    "voidCoupon": _entries("coupons.void"),
    "generateCouponCodes": _entries("coupons.generate_codes"),
    "importCouponCodes": _entries("coupons.import_codes"),
    "claimGift": _OWN,
    "cancelGift": _OWN,
    "markGiftReady": _entries("gifts.packed"),
    "collectGift": _entries("gifts.handed_over"),
    "takeBackGift": _entries("gifts.brought_back"),
    "waiveGift": _entries("gifts.*"),
    "tieGiftToVisit": _entries("gifts.sent_to_counter"),
    "untieGiftFromVisit": _entries("gifts.back_at_desk"),
    "tieCouponToVisit": _entries("coupons.tie"),
    "untieCouponFromVisit": _entries("coupons.untie"),
    # Campaigns
    "createCampaign": _entries("campaigns.create"),
    "importCampaign": _entries("campaigns.create"),
    "editCampaign": _entries("campaigns.edit"),
    "reviseCampaign": _entries("campaigns.revise"),
    "submitCampaign": _entries("campaigns.submit"),
    "approveCampaign": _entries("campaigns.approve"),
    "sendBackCampaign": _entries("campaigns.send_back"),
    "pauseCampaign": _entries("campaigns.pause"),
    "resumeCampaign": _entries("campaigns.resume"),
    "endCampaign": _entries("campaigns.end_early"),
    "cancelCampaign": _entries("campaigns.cancel"),
    "settleCampaign": _entries("campaigns.settle"),
    "closeCampaign": _entries("campaigns.close"),
    "simulateCampaign": _entries("planning.simulate"),
    # Appointments, visits, the waitlist
    "holdAppointment": _entries("appointments.held"),
    "confirmAppointments": _entries("appointments.confirmed"),
    "bookAppointment": _entries("appointments.*"),
    "rescheduleAppointment": _entries("appointments.superseded"),
    "cancelAppointment": _entries("appointments.*cancelled"),
    "bookWalkIn": _entries("appointments.checked_in"),
    "acceptAppointment": _entries("appointments.confirmed"),
    "declineAppointment": _entries("appointments.declined"),
    "checkInAppointment": _entries("appointments.checked_in"),
    "startAppointment": _entries("appointments.in_service"),
    "completeAppointment": _entries("appointments.completed"),
    "markNoShow": _entries("appointments.no_show"),
    "saveService": _entries("appointments.save_service"),
    "retireService": _entries("appointments.retire_service"),
    "saveResource": _entries("appointments.save_resource"),
    "retireResource": _entries("appointments.retire_resource"),
    "setShifts": _entries("appointments.set_shifts"),
    "holdVisit": _entries("appointments.held"),
    "confirmVisit": _entries("appointments.confirmed"),
    "bookVisit": _entries("appointments.*"),
    "addToVisit": _entries("appointments.*"),
    "moveVisit": _entries("appointments.superseded"),
    "cancelVisit": _entries("appointments.*cancelled"),
    "joinWaitlist": _entries("waitlist.join"),
    "withdrawFromWaitlist": _entries("waitlist.withdraw"),
    "acceptWaitlistOffer": _entries("waitlist.accept"),
    "declineWaitlistOffer": _entries("waitlist.decline"),
    "createCalendarFeed": _entries("calendars.create_feed"),
    "revokeCalendarFeed": _entries("calendars.revoke_feed"),
    # The till's conversation, and whether it is in service
    "revokeTill": _entries("stores.revoke_till"),
    "reinstateTill": _entries("stores.reinstate_till"),
    "quoteSale": Record("receipts.quotes", _QUOTE),
    "renewQuote": Record("receipts.quotes", _QUOTE),
    "abandonQuote": Record("receipts.quotes", _QUOTE),
    "commitSale": Record("receipts.sales", _RECEIPT),
    "voidSale": Record("receipts.returns", _RETURN),
    "returnLines": Record("receipts.returns", _RETURN),
    "exchangeLines": Record("receipts.returns", _RETURN),
    "attachSale": _entries("sales.attach"),
}
