"""Who may use which field: the table, as data.

Every field of Query, Mutation and Subscription has a row (a test says so); a field of another type has one
where not everybody who reaches it may see it. The rows of a document are looked up once, when it is first
seen, so a request pays for one set membership and a row of data for nothing.

Which members, stores or brands a role may see is not said here: queries and row-level security do that.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

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

PERMISSIONS: Mapping[str, frozenset[Role] | None] = {
    # Any object
    "Query.node": EVERYBODY,
    "Query.nodes": EVERYBODY,
    # Stores
    "Query.store": PUBLIC,
    "Query.stores": PUBLIC,
    "Query.programme": PUBLIC,
    # A member's own
    "Query.memberHome": frozenset({Role.MEMBER}),
    "Query.mySales": frozenset({Role.MEMBER}),
    # Receipts; whose, row-level security says
    "Query.sale": EVERYBODY - {Role.PLANNER, Role.APPROVER},
    "Query.me": frozenset({Role.MEMBER}),
    "Query.memberCode": frozenset({Role.MEMBER}),
    "Mutation.confirmSpending": frozenset({Role.MEMBER}),
    # People: the member, and who looks after members
    "Query.member": frozenset({Role.MEMBER_SERVICES, Role.ADMIN, Role.SERVICE}),
    "Mutation.enrol": frozenset({Role.MEMBER, Role.SERVICE}),
    "Mutation.updateProfile": _MEMBER_OR_SERVICES,
    "Mutation.addIdentity": frozenset({Role.MEMBER_SERVICES, Role.SERVICE}),
    "Mutation.removeIdentity": _MEMBER_OR_SERVICES,
    "Mutation.recordConsent": _MEMBER_OR_SERVICES,
    "Mutation.mergeMembers": _CARD_KEEPERS,
    "Member.displayName": _KNOW_THE_PERSON,
    "Member.birthday": _KNOW_THE_PERSON,
    "Member.preferredLocale": _KNOW_THE_PERSON,
    "Member.consents": _KNOW_THE_PERSON,
    "Member.identities": _KNOW_THE_PERSON - {Role.SERVICE},
    "Identity.value": _KNOW_THE_PERSON - {Role.SERVICE},
    # Cards
    "Mutation.issueCard": _CARD_KEEPERS,
    "Mutation.replaceCard": _CARD_KEEPERS,
    "Mutation.blockCard": _CARD_KEEPERS | {Role.MEMBER},
    "Mutation.unblockCard": _CARD_KEEPERS,
    "Mutation.closeCard": _CARD_KEEPERS,
    "Card.number": _KNOW_THE_PERSON - {Role.SERVICE},
    # At the till
    "Query.identifyMember": frozenset({Role.TILL, Role.DESK}),
    "Mutation.inviteMember": frozenset({Role.TILL, Role.MEMBER_SERVICES}),
    # Points by hand, large ones by two people
    "Query.pendingAdjustments": _SECOND_PERSON,
    "Mutation.adjustPoints": frozenset({Role.MEMBER_SERVICES}),
    "Mutation.approveAdjustment": _SECOND_PERSON,
    "Mutation.rejectAdjustment": _SECOND_PERSON,
    # Tiers
    "Query.ladder": PUBLIC,
    "Query.tierGrants": _MEMBER_OR_SERVICES,
    "Mutation.grantTier": frozenset({Role.MEMBER_SERVICES}),
    "Mutation.endTierGrant": frozenset({Role.MEMBER_SERVICES}),
    "Mutation.runTierReview": frozenset({Role.ADMIN, Role.SERVICE}),
    # Coupons: the member's own, at the till and desk by who stands there
    "Query.myCoupons": frozenset({Role.MEMBER}),
    "Query.memberCoupons": frozenset({Role.TILL, Role.DESK, Role.MEMBER_SERVICES}),
    "Query.couponOffers": frozenset({Role.MEMBER}),
    # Boards show coupons, and must not tell by them whose the appointment is
    "Coupon.memberId": _KNOW_THE_PERSON | {Role.TILL},
    "Query.couponIssues": frozenset({Role.PLANNER, Role.APPROVER}),
    "Mutation.claimCoupon": frozenset({Role.MEMBER}),
    "Mutation.buyCoupon": frozenset({Role.MEMBER}),
    "Mutation.redeemCouponCode": frozenset({Role.MEMBER}),
    "Mutation.voidCoupon": _CARD_KEEPERS,
    "Mutation.generateCouponCodes": frozenset({Role.PLANNER}),
    "Mutation.importCouponCodes": frozenset({Role.PLANNER}),
    # Limited units: how the stock is spread is not for members
    "Query.stockLevels": _WATCH_STOCK,
    "Subscription.stockLevels": _WATCH_STOCK,
    "StockLevel.confirmed": _WATCH_STOCK - {Role.MEMBER},
    "StockLevel.held": _WATCH_STOCK - {Role.MEMBER},
    "StockLevel.voided": _WATCH_STOCK - {Role.MEMBER},
    # Campaigns: who writes, who lets pass, and who may stop
    "Query.campaign": _CAMPAIGN_STAFF,
    "Query.campaigns": _CAMPAIGN_STAFF,
    "Query.exportCampaign": _CAMPAIGN_STAFF,
    "Query.previewCampaignDates": _CAMPAIGN_STAFF,
    "Mutation.createCampaign": _CAMPAIGN_MAKERS,
    "Mutation.importCampaign": _CAMPAIGN_MAKERS,
    "Mutation.editCampaign": _CAMPAIGN_MAKERS,
    "Mutation.reviseCampaign": _CAMPAIGN_MAKERS,
    "Mutation.submitCampaign": _CAMPAIGN_MAKERS,
    "Mutation.approveCampaign": _CAMPAIGN_CHECKERS,
    "Mutation.sendBackCampaign": _CAMPAIGN_CHECKERS,
    "Mutation.pauseCampaign": _CAMPAIGN_STAFF,
    "Mutation.resumeCampaign": _CAMPAIGN_STAFF,
    "Mutation.endCampaign": _CAMPAIGN_STAFF,
    "Mutation.cancelCampaign": _CAMPAIGN_STAFF,
    "Mutation.settleCampaign": _CAMPAIGN_STAFF,
    "Mutation.closeCampaign": _CAMPAIGN_STAFF,
    # Gifts: the app, the desk, the counter of an appointment, who looks after members, who plans
    "Query.giftOffers": frozenset({Role.MEMBER}),
    "Query.myGifts": frozenset({Role.MEMBER}),
    "Mutation.claimGift": frozenset({Role.MEMBER}),
    "Mutation.cancelGift": frozenset({Role.MEMBER}),
    "Query.giftsAtDesk": _HAND_OVER,
    "Query.giftsToCollect": _HAND_OVER,
    "Query.findGift": _HAND_OVER,
    "Mutation.markGiftReady": frozenset({Role.DESK}),
    "Mutation.collectGift": _HAND_OVER,
    "Mutation.takeBackGift": frozenset({Role.DESK}),
    "Mutation.waiveGift": frozenset({Role.MEMBER_SERVICES}),
    "Query.giftPools": frozenset({Role.PLANNER, Role.APPROVER, Role.ADMIN}),
    "Gift.code": frozenset({Role.MEMBER, Role.MEMBER_SERVICES, Role.ADMIN}),
    # Appointments: the member, and who serves them; whose, which counter's and which store's, use cases and row-level
    # security say. Who serves is told the time, not whose it is by an id
    "Query.services": EVERYBODY,
    "Query.availability": _BOOK | {Role.PLANNER, Role.SERVICE},
    "Query.myAppointments": frozenset({Role.MEMBER}),
    "Query.appointment": _BOOK | {Role.SERVICE},
    "Query.appointmentStory": _AT_COUNTERS,
    "Mutation.holdAppointment": _BOOK,
    "Mutation.confirmAppointments": _BOOK,
    "Mutation.bookAppointment": _BOOK,
    "Mutation.rescheduleAppointment": _BOOK,
    "Mutation.cancelAppointment": _BOOK,
    "Mutation.bookWalkIn": _AT_COUNTERS,
    "Mutation.acceptAppointment": _AT_COUNTERS,
    "Mutation.declineAppointment": _AT_COUNTERS,
    "Mutation.checkInAppointment": _AT_COUNTERS,
    "Mutation.startAppointment": _AT_COUNTERS,
    "Mutation.completeAppointment": _AT_COUNTERS,
    "Mutation.markNoShow": _AT_COUNTERS,
    "Query.counterBoard": _AT_COUNTERS,
    "Subscription.counterBoard": _AT_COUNTERS,
    "Query.associateDay": frozenset({Role.ASSOCIATE}),
    "Subscription.associateDay": frozenset({Role.ASSOCIATE}),
    "Query.guest": _AT_COUNTERS,
    "Member.appointments": _KNOW_THE_PERSON | {Role.ASSOCIATE, Role.DESK},
    "Appointment.memberId": _KNOW_THE_PERSON,
    # What counters offer, and who serves there
    "Query.bookingResources": _CAMPAIGN_MAKERS,
    "Query.counterShifts": _CAMPAIGN_MAKERS,
    "Mutation.saveService": _CAMPAIGN_MAKERS,
    "Mutation.retireService": _CAMPAIGN_MAKERS,
    "Mutation.saveResource": _CAMPAIGN_MAKERS,
    "Mutation.retireResource": _CAMPAIGN_MAKERS,
    "Mutation.setShifts": _CAMPAIGN_MAKERS,
    "Service.setup": _CAMPAIGN_STAFF,
    # Visits: the member, and staff where they work; whose and which stops, use cases and row-level security say
    "Query.visitProposals": _AT_COUNTERS | {Role.MEMBER},
    "Query.visitMoves": _AT_COUNTERS | {Role.MEMBER},
    "Query.visit": _AT_COUNTERS | {Role.MEMBER, Role.SERVICE},
    "Query.myVisits": frozenset({Role.MEMBER}),
    "Query.memberVisits": _AT_COUNTERS | {Role.SERVICE},
    "Query.visitsOfDay": _AT_COUNTERS | {Role.SERVICE},
    "Mutation.holdVisit": _AT_COUNTERS | {Role.MEMBER},
    "Mutation.confirmVisit": _AT_COUNTERS | {Role.MEMBER},
    "Mutation.bookVisit": _AT_COUNTERS | {Role.MEMBER},
    "Mutation.addToVisit": _AT_COUNTERS | {Role.MEMBER},
    "Mutation.moveVisit": _AT_COUNTERS | {Role.MEMBER},
    "Mutation.cancelVisit": _AT_COUNTERS | {Role.MEMBER},
    "Visit.memberId": _KNOW_THE_PERSON,
    # The waitlist: members, and staff where they work, for whom they have before them
    "Query.myWaitlist": frozenset({Role.MEMBER}),
    "Query.waitlistAtCounter": _AT_COUNTERS,
    "Mutation.joinWaitlist": _AT_COUNTERS | {Role.MEMBER},
    "Mutation.withdrawFromWaitlist": _AT_COUNTERS | {Role.MEMBER},
    "Mutation.acceptWaitlistOffer": _AT_COUNTERS | {Role.MEMBER},
    "Mutation.declineWaitlistOffer": _AT_COUNTERS | {Role.MEMBER},
    "WaitlistEntry.memberId": _KNOW_THE_PERSON,
    "AppointmentChange.subject": _CARD_KEEPERS,
    # Gifts and coupons tied to appointments
    "Query.appointmentTies": frozenset({Role.MEMBER, Role.ASSOCIATE, Role.DESK, Role.MEMBER_SERVICES}),
    "Mutation.tieGiftToVisit": _MEMBER_OR_SERVICES,
    "Mutation.untieGiftFromVisit": _MEMBER_OR_SERVICES | _HAND_OVER,
    "Mutation.tieCouponToVisit": _MEMBER_OR_SERVICES,
    "Mutation.untieCouponFromVisit": _MEMBER_OR_SERVICES,
    # Planning: what would be, and why it was. Whose receipts and members, planning and row-level security say
    "Mutation.simulateCampaign": frozenset({Role.PLANNER, Role.APPROVER, Role.ADMIN}),
    "Query.simulation": frozenset({Role.PLANNER, Role.APPROVER, Role.ADMIN}),
    "Query.explainSale": EVERYBODY - {Role.ASSOCIATE, Role.SERVICE},
    "Query.explainOffer": EVERYBODY - {Role.ASSOCIATE, Role.SERVICE},
    # Calendars; whose appointments, row-level security says
    "Query.calendarFeeds": frozenset({Role.MEMBER, Role.ASSOCIATE}),
    "Query.appointmentCalendar": _MEMBER_OR_SERVICES | {Role.SERVICE},
    "Query.visitCalendar": _MEMBER_OR_SERVICES | {Role.SERVICE},
    "Mutation.createCalendarFeed": frozenset({Role.MEMBER, Role.ASSOCIATE}),
    "Mutation.revokeCalendarFeed": frozenset({Role.MEMBER, Role.ASSOCIATE}),
    # The till's conversation
    "Mutation.quoteSale": frozenset({Role.TILL}),
    "Mutation.renewQuote": frozenset({Role.TILL}),
    "Mutation.abandonQuote": frozenset({Role.TILL}),
    "Mutation.commitSale": frozenset({Role.TILL}),
    "Mutation.voidSale": frozenset({Role.TILL}),
    "Mutation.returnLines": frozenset({Role.TILL}),
    "Mutation.exchangeLines": frozenset({Role.TILL}),
    "Mutation.attachSale": frozenset({Role.TILL, Role.MEMBER, Role.MEMBER_SERVICES}),
    "Counter.commissionBasisPoints": frozenset({Role.PLANNER, Role.APPROVER, Role.ADMIN}),
}


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
        if (roles := PERMISSIONS.get(coordinate, PUBLIC)) is not PUBLIC
    )
    return Access(by_field, EVERYBODY.intersection(*(roles for _, roles in by_field)))
