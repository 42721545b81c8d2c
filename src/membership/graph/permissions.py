"""Who may use which field, and of whose rows: the table, as data.

Every field of Query, Mutation and Subscription has a row, and is nobody's without one; a field of another type has one
where not everybody who reaches its object may see it, and is listed in `carried` otherwise. Tests name each field that
is in neither. The rows of a document are looked up once, when it is first seen, so a request pays for one set
membership and a row of data for nothing.

A role is refused here. Whose rows it meets is said here, tested cell by cell, and held by use cases and queries, and
by row-level security behind them. `graphql/permissions.md` is made of this table.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from membership.graph.reach import (
    BOOKING,
    DIARY,
    HOUSE,
    IN_HAND,
    JOINING,
    KEPT,
    NAMED_PEOPLE,
    OF_ITS_KIND,
    OFFERED,
    OWN,
    PEOPLE,
    PLANNING,
    PLANS,
    RECEIPTS,
    TILLS,
    Rule,
)
from membership.kernel.actor import Role

EVERYBODY: frozenset[Role] = frozenset(Role)
PUBLIC: None = None
"""Needs no token."""

_MEMBER_OR_SERVICES = frozenset({Role.MEMBER, Role.MEMBER_SERVICES})
_CARD_KEEPERS = frozenset({Role.MEMBER_SERVICES, Role.ADMIN})
_SECOND_PERSON = frozenset({Role.MEMBER_SERVICES, Role.APPROVER})
_WATCH_STOCK = frozenset({Role.MEMBER, Role.DESK, Role.PLANNER, Role.APPROVER, Role.ADMIN, Role.SERVICE})
_HAND_OVER = frozenset({Role.DESK, Role.ASSOCIATE})
_CAMPAIGN_MAKERS = frozenset({Role.PLANNER, Role.ADMIN})
_CAMPAIGN_CHECKERS = frozenset({Role.APPROVER, Role.ADMIN})
_CAMPAIGN_STAFF = _CAMPAIGN_MAKERS | _CAMPAIGN_CHECKERS
_AT_COUNTERS = frozenset({Role.ASSOCIATE, Role.DESK, Role.MEMBER_SERVICES, Role.ADMIN})
_BOOK = _AT_COUNTERS | {Role.MEMBER}
_KNOW_THE_PERSON = frozenset({Role.MEMBER, Role.MEMBER_SERVICES, Role.ADMIN, Role.SERVICE})
"""Everybody else who may see a member at all sees initials, and the last digits of a card."""

RULES: Mapping[str, Rule] = {
    # Any object
    "Query.node": Rule(EVERYBODY, OF_ITS_KIND),
    "Query.nodes": Rule(EVERYBODY, OF_ITS_KIND),
    # Stores
    "Query.store": Rule(PUBLIC, HOUSE),
    "Query.stores": Rule(PUBLIC, HOUSE),
    "Query.programme": Rule(PUBLIC, HOUSE),
    # Tills: whoever looks after members stops one that is lost at once; to let it in again takes an administrator
    "Store.tills": Rule(_CARD_KEEPERS, KEPT),
    "Till.code": Rule(_CARD_KEEPERS, KEPT),
    "Till.revokedAt": Rule(_CARD_KEEPERS, KEPT),
    "Till.counter": Rule(_CARD_KEEPERS, KEPT),
    "Mutation.revokeTill": Rule(_CARD_KEEPERS, KEPT),
    "Mutation.reinstateTill": Rule(frozenset({Role.ADMIN}), KEPT),
    # A member's own
    "Query.memberHome": Rule(frozenset({Role.MEMBER}), OWN),
    "Query.mySales": Rule(frozenset({Role.MEMBER}), OWN),
    # Receipts; whose, row-level security says
    "Query.sale": Rule(EVERYBODY - {Role.PLANNER, Role.APPROVER}, RECEIPTS),
    "Query.me": Rule(frozenset({Role.MEMBER}), OWN),
    "Query.memberCode": Rule(frozenset({Role.MEMBER}), OWN),
    "Mutation.confirmSpending": Rule(frozenset({Role.MEMBER}), OFFERED),
    # People: the member, and who looks after members
    "Query.member": Rule(frozenset({Role.MEMBER_SERVICES, Role.ADMIN, Role.SERVICE}), NAMED_PEOPLE),
    "Mutation.enrol": Rule(frozenset({Role.MEMBER, Role.SERVICE}), JOINING),
    "Mutation.updateProfile": Rule(_MEMBER_OR_SERVICES, PEOPLE),
    "Mutation.addIdentity": Rule(frozenset({Role.MEMBER_SERVICES, Role.SERVICE}), PEOPLE),
    "Mutation.removeIdentity": Rule(_MEMBER_OR_SERVICES, PEOPLE),
    "Mutation.recordConsent": Rule(_MEMBER_OR_SERVICES, PEOPLE),
    "Mutation.mergeMembers": Rule(_CARD_KEEPERS, PEOPLE),
    "Member.displayName": Rule(_KNOW_THE_PERSON, PEOPLE),
    "Member.birthday": Rule(_KNOW_THE_PERSON, PEOPLE),
    "Member.preferredLocale": Rule(_KNOW_THE_PERSON, PEOPLE),
    "Member.consents": Rule(_KNOW_THE_PERSON, PEOPLE),
    "Member.identities": Rule(_KNOW_THE_PERSON - {Role.SERVICE}, PEOPLE),
    "Identity.value": Rule(_KNOW_THE_PERSON - {Role.SERVICE}, PEOPLE),
    # Cards
    "Mutation.issueCard": Rule(_CARD_KEEPERS, NAMED_PEOPLE),
    "Mutation.replaceCard": Rule(_CARD_KEEPERS, PEOPLE),
    "Mutation.blockCard": Rule(_CARD_KEEPERS | {Role.MEMBER}, PEOPLE),
    "Mutation.unblockCard": Rule(_CARD_KEEPERS, PEOPLE),
    "Mutation.closeCard": Rule(_CARD_KEEPERS, PEOPLE),
    "Card.number": Rule(_KNOW_THE_PERSON - {Role.SERVICE}, PEOPLE),
    # At the till
    "Query.identifyMember": Rule(frozenset({Role.TILL, Role.DESK}), PEOPLE),
    "Mutation.inviteMember": Rule(frozenset({Role.TILL, Role.MEMBER_SERVICES}), PEOPLE),
    # Points by hand, large ones by two people
    "Query.pendingAdjustments": Rule(_SECOND_PERSON, PEOPLE),
    "Mutation.adjustPoints": Rule(frozenset({Role.MEMBER_SERVICES}), PEOPLE),
    "Mutation.approveAdjustment": Rule(_SECOND_PERSON, PEOPLE),
    "Mutation.rejectAdjustment": Rule(_SECOND_PERSON, PEOPLE),
    # What staff did
    "Query.auditTrail": Rule(frozenset({Role.ADMIN}), PEOPLE),
    # Tiers
    "Query.ladder": Rule(PUBLIC, HOUSE),
    "Query.tierGrants": Rule(_MEMBER_OR_SERVICES, PEOPLE),
    "Mutation.grantTier": Rule(frozenset({Role.MEMBER_SERVICES}), PEOPLE),
    "Mutation.endTierGrant": Rule(frozenset({Role.MEMBER_SERVICES}), PEOPLE),
    "Mutation.runTierReview": Rule(frozenset({Role.ADMIN, Role.SERVICE}), PLANS),
    # Coupons: the member's own, at the till and desk by who stands there
    "Query.myCoupons": Rule(frozenset({Role.MEMBER}), OWN),
    "Query.memberCoupons": Rule(frozenset({Role.TILL, Role.DESK, Role.MEMBER_SERVICES}), PEOPLE),
    "Query.couponOffers": Rule(frozenset({Role.MEMBER}), OWN),
    # Boards show coupons, and must not tell by them whose the appointment is
    "Coupon.memberId": Rule(_KNOW_THE_PERSON | {Role.TILL}, PEOPLE),
    "Query.couponIssues": Rule(frozenset({Role.PLANNER, Role.APPROVER}), PLANS),
    "Mutation.claimCoupon": Rule(frozenset({Role.MEMBER}), OFFERED),
    "Mutation.buyCoupon": Rule(frozenset({Role.MEMBER}), OFFERED),
    "Mutation.redeemCouponCode": Rule(frozenset({Role.MEMBER}), OFFERED),
    "Mutation.voidCoupon": Rule(_CARD_KEEPERS, PEOPLE),
    "Mutation.generateCouponCodes": Rule(frozenset({Role.PLANNER}), PLANS),
    "Mutation.importCouponCodes": Rule(frozenset({Role.PLANNER}), PLANS),
    # Limited units: how the stock is spread is not for members
    "Query.stockLevels": Rule(_WATCH_STOCK, PLANS),
    "Subscription.stockLevels": Rule(_WATCH_STOCK, PLANS),
    "StockLevel.confirmed": Rule(_WATCH_STOCK - {Role.MEMBER}, PLANS),
    "StockLevel.held": Rule(_WATCH_STOCK - {Role.MEMBER}, PLANS),
    "StockLevel.voided": Rule(_WATCH_STOCK - {Role.MEMBER}, PLANS),
    # Campaigns: who writes, who lets pass, and who may stop
    "Query.campaign": Rule(_CAMPAIGN_STAFF, PLANS),
    "Query.campaigns": Rule(_CAMPAIGN_STAFF, PLANNING),
    "Query.exportCampaign": Rule(_CAMPAIGN_STAFF, PLANS),
    "Query.previewCampaignDates": Rule(_CAMPAIGN_STAFF, HOUSE),
    "Mutation.createCampaign": Rule(_CAMPAIGN_MAKERS, PLANNING),
    "Mutation.importCampaign": Rule(_CAMPAIGN_MAKERS, PLANNING),
    "Mutation.editCampaign": Rule(_CAMPAIGN_MAKERS, PLANS),
    "Mutation.reviseCampaign": Rule(_CAMPAIGN_MAKERS, PLANS),
    "Mutation.submitCampaign": Rule(_CAMPAIGN_MAKERS, PLANS),
    "Mutation.approveCampaign": Rule(_CAMPAIGN_CHECKERS, PLANS),
    "Mutation.sendBackCampaign": Rule(_CAMPAIGN_CHECKERS, PLANS),
    "Mutation.pauseCampaign": Rule(_CAMPAIGN_STAFF, PLANS),
    "Mutation.resumeCampaign": Rule(_CAMPAIGN_STAFF, PLANS),
    "Mutation.endCampaign": Rule(_CAMPAIGN_STAFF, PLANS),
    "Mutation.cancelCampaign": Rule(_CAMPAIGN_STAFF, PLANS),
    "Mutation.settleCampaign": Rule(_CAMPAIGN_STAFF, PLANS),
    "Mutation.closeCampaign": Rule(_CAMPAIGN_STAFF, PLANS),
    # Gifts: the app, the desk, the counter of an appointment, who looks after members, who plans
    "Query.giftOffers": Rule(frozenset({Role.MEMBER}), OFFERED),
    "Query.myGifts": Rule(frozenset({Role.MEMBER}), OWN),
    "Mutation.claimGift": Rule(frozenset({Role.MEMBER}), OFFERED),
    "Mutation.cancelGift": Rule(frozenset({Role.MEMBER}), OWN),
    "Query.giftsAtDesk": Rule(_HAND_OVER, DIARY),
    "Query.giftsToCollect": Rule(_HAND_OVER, DIARY),
    "Query.findGift": Rule(_HAND_OVER, DIARY),
    "Mutation.markGiftReady": Rule(frozenset({Role.DESK}), DIARY),
    "Mutation.collectGift": Rule(_HAND_OVER, DIARY),
    "Mutation.takeBackGift": Rule(frozenset({Role.DESK}), DIARY),
    "Mutation.waiveGift": Rule(frozenset({Role.MEMBER_SERVICES}), PEOPLE),
    "Query.giftPools": Rule(frozenset({Role.PLANNER, Role.APPROVER, Role.ADMIN}), PLANS),
    "Gift.code": Rule(frozenset({Role.MEMBER, Role.MEMBER_SERVICES, Role.ADMIN}), DIARY),
    # Appointments: the member, and who serves them; whose, which counter's and which store's, use cases and row-level
    # security say. Who serves is told the time, not whose it is by an id
    "Query.services": Rule(EVERYBODY, HOUSE),
    "Query.availability": Rule(_BOOK | {Role.PLANNER, Role.SERVICE}, HOUSE),
    "Query.myAppointments": Rule(frozenset({Role.MEMBER}), OWN),
    "Query.appointment": Rule(_BOOK | {Role.SERVICE}, DIARY),
    "Query.appointmentStory": Rule(_AT_COUNTERS, DIARY),
    "Mutation.holdAppointment": Rule(_BOOK, BOOKING),
    "Mutation.confirmAppointments": Rule(_BOOK, DIARY),
    "Mutation.bookAppointment": Rule(_BOOK, BOOKING),
    "Mutation.rescheduleAppointment": Rule(_BOOK, DIARY),
    "Mutation.cancelAppointment": Rule(_BOOK, DIARY),
    "Mutation.bookWalkIn": Rule(_AT_COUNTERS, BOOKING),
    "Mutation.acceptAppointment": Rule(_AT_COUNTERS, DIARY),
    "Mutation.declineAppointment": Rule(_AT_COUNTERS, DIARY),
    "Mutation.checkInAppointment": Rule(_AT_COUNTERS, DIARY),
    "Mutation.startAppointment": Rule(_AT_COUNTERS, DIARY),
    "Mutation.completeAppointment": Rule(_AT_COUNTERS, DIARY),
    "Mutation.markNoShow": Rule(_AT_COUNTERS, DIARY),
    "Query.counterBoard": Rule(_AT_COUNTERS, DIARY),
    "Subscription.counterBoard": Rule(_AT_COUNTERS, DIARY),
    "Query.associateDay": Rule(frozenset({Role.ASSOCIATE}), DIARY),
    "Subscription.associateDay": Rule(frozenset({Role.ASSOCIATE}), DIARY),
    "Query.guest": Rule(_AT_COUNTERS, DIARY),
    "Member.appointments": Rule(_KNOW_THE_PERSON | {Role.ASSOCIATE, Role.DESK}, DIARY),
    "Appointment.memberId": Rule(_KNOW_THE_PERSON, DIARY),
    # What counters offer, and who serves there
    "Query.bookingResources": Rule(_CAMPAIGN_MAKERS, PLANS),
    "Query.counterShifts": Rule(_CAMPAIGN_MAKERS, PLANS),
    "Mutation.saveService": Rule(_CAMPAIGN_MAKERS, PLANS),
    "Mutation.retireService": Rule(_CAMPAIGN_MAKERS, PLANS),
    "Mutation.saveResource": Rule(_CAMPAIGN_MAKERS, PLANS),
    "Mutation.retireResource": Rule(_CAMPAIGN_MAKERS, PLANS),
    "Mutation.setShifts": Rule(_CAMPAIGN_MAKERS, PLANS),
    "Service.setup": Rule(_CAMPAIGN_STAFF, PLANS),
    # Visits: the member, and staff where they work; whose and which stops, use cases and row-level security say
    "Query.visitProposals": Rule(_AT_COUNTERS | {Role.MEMBER}, BOOKING),
    "Query.visitMoves": Rule(_AT_COUNTERS | {Role.MEMBER}, DIARY),
    "Query.visit": Rule(_AT_COUNTERS | {Role.MEMBER, Role.SERVICE}, DIARY),
    "Query.myVisits": Rule(frozenset({Role.MEMBER}), OWN),
    "Query.memberVisits": Rule(_AT_COUNTERS | {Role.SERVICE}, DIARY),
    "Query.visitsOfDay": Rule(_AT_COUNTERS | {Role.SERVICE}, DIARY),
    "Mutation.holdVisit": Rule(_AT_COUNTERS | {Role.MEMBER}, BOOKING),
    "Mutation.confirmVisit": Rule(_AT_COUNTERS | {Role.MEMBER}, DIARY),
    "Mutation.bookVisit": Rule(_AT_COUNTERS | {Role.MEMBER}, BOOKING),
    "Mutation.addToVisit": Rule(_AT_COUNTERS | {Role.MEMBER}, DIARY),
    "Mutation.moveVisit": Rule(_AT_COUNTERS | {Role.MEMBER}, DIARY),
    "Mutation.cancelVisit": Rule(_AT_COUNTERS | {Role.MEMBER}, DIARY),
    "Visit.memberId": Rule(_KNOW_THE_PERSON, DIARY),
    # The waitlist: members, and staff where they work, for whom they have before them
    "Query.myWaitlist": Rule(frozenset({Role.MEMBER}), OWN),
    "Query.waitlistAtCounter": Rule(_AT_COUNTERS, DIARY),
    "Mutation.joinWaitlist": Rule(_AT_COUNTERS | {Role.MEMBER}, BOOKING),
    "Mutation.withdrawFromWaitlist": Rule(_AT_COUNTERS | {Role.MEMBER}, DIARY),
    "Mutation.acceptWaitlistOffer": Rule(_AT_COUNTERS | {Role.MEMBER}, DIARY),
    "Mutation.declineWaitlistOffer": Rule(_AT_COUNTERS | {Role.MEMBER}, DIARY),
    "WaitlistEntry.memberId": Rule(_KNOW_THE_PERSON, DIARY),
    "AppointmentChange.subject": Rule(_CARD_KEEPERS, DIARY),
    # Gifts and coupons tied to appointments
    "Query.appointmentTies": Rule(frozenset({Role.MEMBER, Role.ASSOCIATE, Role.DESK, Role.MEMBER_SERVICES}), DIARY),
    "Mutation.tieGiftToVisit": Rule(_MEMBER_OR_SERVICES, DIARY),
    "Mutation.untieGiftFromVisit": Rule(_MEMBER_OR_SERVICES | _HAND_OVER, DIARY),
    "Mutation.tieCouponToVisit": Rule(_MEMBER_OR_SERVICES, DIARY),
    "Mutation.untieCouponFromVisit": Rule(_MEMBER_OR_SERVICES, DIARY),
    # Planning: what would be, and why it was. Whose receipts and members, planning and row-level security say
    "Mutation.simulateCampaign": Rule(frozenset({Role.PLANNER, Role.APPROVER, Role.ADMIN}), PLANNING),
    "Query.simulation": Rule(frozenset({Role.PLANNER, Role.APPROVER, Role.ADMIN}), PLANS),
    "Query.explainSale": Rule(EVERYBODY - {Role.ASSOCIATE, Role.SERVICE}, RECEIPTS),
    "Query.explainOffer": Rule(EVERYBODY - {Role.ASSOCIATE, Role.SERVICE}, NAMED_PEOPLE),
    # Calendars; whose appointments, row-level security says
    "Query.calendarFeeds": Rule(frozenset({Role.MEMBER, Role.ASSOCIATE}), DIARY),
    "Query.appointmentCalendar": Rule(_MEMBER_OR_SERVICES | {Role.SERVICE}, DIARY),
    "Query.visitCalendar": Rule(_MEMBER_OR_SERVICES | {Role.SERVICE}, DIARY),
    "Mutation.createCalendarFeed": Rule(frozenset({Role.MEMBER, Role.ASSOCIATE}), DIARY),
    "Mutation.revokeCalendarFeed": Rule(frozenset({Role.MEMBER, Role.ASSOCIATE}), DIARY),
    # The till's conversation
    "Mutation.quoteSale": Rule(frozenset({Role.TILL}), NAMED_PEOPLE),
    "Mutation.renewQuote": Rule(frozenset({Role.TILL}), TILLS),
    "Mutation.abandonQuote": Rule(frozenset({Role.TILL}), TILLS),
    "Mutation.commitSale": Rule(frozenset({Role.TILL}), TILLS),
    "Mutation.voidSale": Rule(frozenset({Role.TILL}), TILLS),
    "Mutation.returnLines": Rule(frozenset({Role.TILL}), TILLS),
    "Mutation.exchangeLines": Rule(frozenset({Role.TILL}), TILLS),
    "Mutation.attachSale": Rule(frozenset({Role.TILL, Role.MEMBER, Role.MEMBER_SERVICES}), IN_HAND),
    "Counter.commissionBasisPoints": Rule(frozenset({Role.PLANNER, Role.APPROVER, Role.ADMIN}), PLANS),
}


PERMISSIONS: Mapping[str, frozenset[Role] | None] = {coordinate: rule.roles for coordinate, rule in RULES.items()}
_ROOTS = ("Query.", "Mutation.", "Subscription.")


@dataclass(frozen=True, slots=True)
class Access:
    """Who may run an operation: `by_field` names each restricted field that it asks for."""

    by_field: tuple[tuple[str, frozenset[Role]], ...]
    roles: frozenset[Role]

    @property
    def is_public(self) -> bool:
        return not self.by_field

    def refused_field(self, role: Role) -> str:
        return next(field for field, roles in self.by_field if role not in roles)


def access_to(coordinates: Iterable[str]) -> Access:
    """The access that an operation needs which asks for these fields."""
    by_field = tuple(
        (coordinate, roles)
        for coordinate in sorted(coordinates)
        if (roles := PERMISSIONS.get(coordinate, _unlisted(coordinate))) is not PUBLIC
    )
    return Access(by_field, EVERYBODY.intersection(*(roles for _, roles in by_field)))


def _unlisted(coordinate: str) -> frozenset[Role] | None:
    """A root field that nobody decided upon is nobody's; a field of an object comes with the object, and so does what
    GraphQL itself has of every type (`__typename`, `__schema`)."""
    type_name, _, field_name = coordinate.partition(".")
    return frozenset() if f"{type_name}." in _ROOTS and not field_name.startswith("__") else PUBLIC
