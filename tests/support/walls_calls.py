"""For each root field, how it is asked about the things of a place; the names of fields without a target stand alone.

`CALLS[field](target, role)` gives the arguments, so that the same question is asked about one's own place and about
others. Where a member may be named, everybody names the member of the place, and a member their own id or another's.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta

from membership.graph.inventory import POOL
from membership.graph.kit.relay import global_id
from membership.kernel.actor import Role
from support.appointment_desk import TODAY, at
from support.campaign_input import sent
from support.clock import START
from support.walls_world import Place, Where, key

Arguments = Mapping[str, object]
Call = Callable[[Place, Role], Arguments]

SOLD_ON = TODAY.isoformat()


def _member(place: Place, role: Role) -> dict[str, object]:
    return {"memberId": global_id("Member", place.member.member_id)}


def _for_member(place: Place, role: Role) -> dict[str, object]:
    return {"forMember": global_id("Member", place.member.member_id)}


def _step(**facts: object) -> Arguments:
    return {"input": {"idempotencyKey": key(), **facts}}


def _appointment(place: Place) -> str:
    return global_id("Appointment", place.booked.appointment_id)


def _visit(place: Place) -> str:
    return global_id("Visit", place.visit.record.visit.visit_id)


def _campaign(place: Place) -> str:
    return global_id("Campaign", place.campaign.campaign_id)


def _drafted(place: Place) -> str:
    return global_id("Campaign", place.draft.campaign_id)


def _store(place: Place) -> str:
    return global_id("Store", place.store.store_id)


def _counter(place: Place) -> str:
    return global_id("Counter", place.counter_id)


def _till(place: Place) -> str:
    return global_id("Till", place.till_id)


def _service(place: Place) -> str:
    return global_id("Service", place.fitting.service_id)


def _offer(place: Place, code: str) -> str:
    return global_id("CouponOffer", place.offers[code].offer_id)


def _card(place: Place) -> str:
    return global_id("Card", place.card_id)


def _shown(place: Place) -> Mapping[str, object]:
    return {"cardNumber": place.card_number}


def _stop(place: Place, hour: int = 19) -> dict[str, object]:
    hour = hour - 1 if place.where is Where.OTHER_PROGRAMME else hour
    return {"serviceId": _service(place), "startsAt": at(hour).isoformat()}


def _sale(place: Place) -> Mapping[str, object]:
    return {"id": global_id("Sale", place.sale_id)}


def _basket(place: Place, *, paid: bool) -> dict[str, object]:
    line = {"lineNo": 1, "category": "WOMENSWEAR", "quantity": 1, "netMinor": 1000}
    tenders = [{"type": "CASH", "amountMinor": 1000}] if paid else []
    return {"currency": "CNY", "lines": [line], "tenders": tenders}


RETURNED: Mapping[str, object] = {
    "lines": [{"lineNo": 1, "quantity": 1}],
    "sequence": 900,
    "returnedAt": START.isoformat(),
}
NAMES = [{"locale": "en", "name": "Something"}]
HOURS = {"durationMinutes": 60, "everyMinutes": 30}
WISH = {"firstDay": TODAY.isoformat()}


def _gift(place: Place, *, tied: bool = False) -> str:
    return global_id("Gift", (place.tied_gift if tied else place.gift).gift_id)


def _at_desk(place: Place, role: Role) -> dict[str, object]:
    """An associate hands over what waits at the counter for an appointment."""
    return {"id": _gift(place, tied=role is Role.ASSOCIATE)}


def _content(place: Place) -> object:
    return _objects(sent(place.revision.content))


def _objects(value: object) -> object:
    """`sent` writes true for a kind without facts, and for one whose facts are all left out: this one is an object."""
    if isinstance(value, dict):
        return {name: {} if name == "claimedInApp" else _objects(inner) for name, inner in value.items()}
    return [_objects(inner) for inner in value] if isinstance(value, list) else value


def _moved(place: Place) -> dict[str, object]:
    [stop] = place.visit.record.stops
    return {
        "appointmentId": global_id("Appointment", stop.appointment_id),
        "startsAt": (stop.period.start + timedelta(hours=1)).isoformat(),
    }


def _by_id(name: str) -> Call:
    return lambda place, role: {name: _appointment(place)}


TAKES_STEP: Call = lambda place, role: _step(appointmentId=_appointment(place))  # noqa: E731
OF_CAMPAIGN: Call = lambda place, role: _step(campaignId=_campaign(place))  # noqa: E731
OF_CAMPAIGN_WITH_REASON: Call = lambda place, role: _step(campaignId=_campaign(place), reason="x")  # noqa: E731
OF_CARD: Call = lambda place, role: _step(cardId=_card(place))  # noqa: E731
OF_ENTRY: Call = lambda place, role: _step(entryId=global_id("WaitlistEntry", place.entry.entry_id))  # noqa: E731

CALLS: Mapping[str, Call] = {
    "Query.node": lambda place, role: {"id": _KIND_OF.get(role, _appointment)(place)},
    "Query.nodes": lambda place, role: {"ids": [_KIND_OF.get(role, _appointment)(place)]},
    "Query.store": lambda place, role: {"by": {"id": _store(place)}},
    "Query.programme": lambda place, role: {"by": {"id": global_id("Programme", place.store.programme_id)}},
    "Query.ladder": lambda place, role: {"programme": place.store.programme_code},
    "Query.sale": lambda place, role: {"by": _sale(place)},
    "Query.explainSale": lambda place, role: {"by": _sale(place)},
    "Query.member": lambda place, role: {"by": _shown(place)},
    "Query.identifyMember": lambda place, role: {"by": _shown(place)},
    "Query.memberCoupons": lambda place, role: {"by": _shown(place)},
    "Query.tierGrants": _member,
    "Query.couponIssues": lambda place, role: {"campaign": place.campaign.code},
    "Query.stockLevels": lambda place, role: {"poolIds": [global_id(POOL, place.pool_id)]},
    "Query.campaign": lambda place, role: {"by": {"id": _campaign(place)}},
    "Query.exportCampaign": lambda place, role: {"by": {"id": _campaign(place)}},
    "Query.previewCampaignDates": lambda place, role: {
        "input": {"calendar": sent(place.revision.content.calendar), "stores": [place.store.code]}
    },
    "Query.simulation": lambda place, role: {"id": global_id("Simulation", place.simulation.simulation_id)},
    "Query.explainOffer": lambda place, role: {
        "input": {"campaign": place.campaign.code, "rule": "CLAIMED", **_member(place, role)}
    },
    "Query.giftOffers": lambda place, role: {"storeId": _store(place)},
    "Query.giftsToCollect": lambda place, role: {"memberCode": place.member_code},
    "Query.findGift": lambda place, role: {"by": _at_desk(place, role)},
    "Query.giftPools": lambda place, role: {"storeId": _store(place)},
    "Query.appointmentTies": lambda place, role: {
        "appointmentIds": [global_id("Appointment", place.to_collect_at.appointment_id)]
    },
    "Query.appointmentCalendar": _by_id("appointmentId"),
    "Query.visitCalendar": lambda place, role: {"visitId": _visit(place)},
    "Query.visitProposals": lambda place, role: {
        "wish": {**WISH, "stops": [{"serviceId": _service(place)}]},
        **_for_member(place, role),
    },
    "Query.visitMoves": lambda place, role: {
        "visitId": _visit(place),
        "wish": {"firstDay": (TODAY + timedelta(days=1)).isoformat()},
    },
    "Query.visit": lambda place, role: {"id": _visit(place)},
    "Query.memberVisits": lambda place, role: {"memberId": global_id("Member", place.member.member_id)},
    "Query.visitsOfDay": lambda place, role: {
        "storeId": _store(place),
        "day": (TODAY + timedelta(days=1)).isoformat(),
    },
    "Query.waitlistAtCounter": lambda place, role: {"counterId": _counter(place)},
    "Query.services": lambda place, role: {"at": {"counterId": _counter(place)}},
    "Query.availability": lambda place, role: {
        "of": {"serviceIds": [_service(place)]},
        "from": TODAY.isoformat(),
    },
    "Query.appointment": _by_id("id"),
    "Query.appointmentStory": _by_id("appointmentId"),
    "Query.counterBoard": lambda place, role: {"counterId": _counter(place)},
    "Query.guest": lambda place, role: {"by": _shown(place), "counterId": _counter(place)},
    "Query.bookingResources": lambda place, role: {"counterId": _counter(place)},
    "Query.counterShifts": lambda place, role: {"counterId": _counter(place), "from": TODAY.isoformat()},
    # What is done
    "Mutation.adjustPoints": lambda place, role: _step(points=1, reason="A small one.", **_member(place, role)),
    "Mutation.approveAdjustment": lambda place, role: _step(
        adjustmentId=global_id("PointsAdjustment", place.adjustment.adjustment_id)
    ),
    "Mutation.rejectAdjustment": lambda place, role: _step(
        adjustmentId=global_id("PointsAdjustment", place.adjustment.adjustment_id), reason="No."
    ),
    "Mutation.quoteSale": lambda place, role: _step(basket=_basket(place, paid=False), member=_shown(place)),
    "Mutation.renewQuote": lambda place, role: {"input": {"quoteId": global_id("Quote", place.quote_id)}},
    "Mutation.abandonQuote": lambda place, role: {"input": {"quoteId": global_id("Quote", place.quote_id)}},
    "Mutation.voidSale": lambda place, role: _step(sale=_sale(place)),
    "Mutation.returnLines": lambda place, role: _step(sale=_sale(place), **RETURNED),
    "Mutation.exchangeLines": lambda place, role: _step(
        sale=_sale(place), basket=_basket(place, paid=True), saleSequence=902, **RETURNED
    ),
    "Mutation.attachSale": lambda place, role: _step(
        storeId=_store(place),
        till=f"{place.counter}-01",
        businessDate=SOLD_ON,
        sequence=1,
        netMinor=5_000_00,
        **({} if role is Role.MEMBER else {"member": _shown(place)}),
    ),
    "Mutation.updateProfile": lambda place, role: {"input": {"displayName": "Changed", **_member(place, role)}},
    "Mutation.addIdentity": lambda place, role: {
        "input": {"identity": {"kind": "EMAIL", "value": "a@example.com"}, **_member(place, role)}
    },
    "Mutation.removeIdentity": lambda place, role: {
        "input": {"identityId": global_id("Identity", place.identity_id), **_member(place, role)}
    },
    "Mutation.recordConsent": lambda place, role: {
        "input": {"consent": {"purpose": "MARKETING", "granted": True}, **_member(place, role)}
    },
    "Mutation.confirmSpending": lambda place, role: _step(storeId=_store(place), mostPoints=1),
    "Mutation.issueCard": lambda place, role: _step(kind="PHYSICAL", **_member(place, role)),
    "Mutation.replaceCard": OF_CARD,
    "Mutation.blockCard": lambda place, role: _step(cardId=_card(place), reason="LOST"),
    "Mutation.unblockCard": OF_CARD,
    "Mutation.closeCard": OF_CARD,
    "Mutation.enrol": lambda place, role: _step(
        storeId=_store(place),
        consents=[{"purpose": "MEMBERSHIP", "granted": True}],
        identities=[{"kind": "PHONE", "value": "+8613500000000"}],
    ),
    "Mutation.mergeMembers": lambda place, role: _step(
        winnerId=global_id("Member", place.member.member_id), loserId=global_id("Member", place.spare.member_id)
    ),
    "Mutation.grantTier": lambda place, role: _step(
        tier=[tier.code for tier in place.store.ladder.ladder.tiers][2],
        endsOn="2026-12-01",
        reason="GOODWILL",
        **_member(place, role),
    ),
    "Mutation.endTierGrant": lambda place, role: _step(grantId=global_id("TierGrant", place.grant_id)),
    "Mutation.runTierReview": lambda place, role: {"input": {"programme": place.store.programme_code}},
    "Mutation.editCampaign": lambda place, role: _step(
        revisionId=global_id("CampaignRevision", place.revision.revision_id),
        content=_content(place),
        expectedVersion=1,
    ),
    "Mutation.reviseCampaign": lambda place, role: _step(campaignId=_campaign(place), content=_content(place)),
    "Mutation.submitCampaign": lambda place, role: _step(campaignId=_drafted(place)),
    "Mutation.approveCampaign": OF_CAMPAIGN,
    "Mutation.sendBackCampaign": OF_CAMPAIGN_WITH_REASON,
    "Mutation.pauseCampaign": OF_CAMPAIGN_WITH_REASON,
    "Mutation.resumeCampaign": OF_CAMPAIGN,
    "Mutation.endCampaign": OF_CAMPAIGN_WITH_REASON,
    "Mutation.cancelCampaign": OF_CAMPAIGN_WITH_REASON,
    "Mutation.settleCampaign": OF_CAMPAIGN,
    "Mutation.closeCampaign": OF_CAMPAIGN,
    "Mutation.claimGift": lambda place, role: _step(wanted={"poolId": global_id(POOL, place.pool_id)}),
    "Mutation.cancelGift": lambda place, role: _step(giftId=_gift(place)),
    "Mutation.markGiftReady": lambda place, role: _step(gift=_at_desk(place, role)),
    "Mutation.collectGift": lambda place, role: _step(gift=_at_desk(place, role)),
    "Mutation.takeBackGift": lambda place, role: _step(gift=_at_desk(place, role)),
    "Mutation.waiveGift": lambda place, role: _step(giftId=_gift(place), reason="GOODWILL"),
    "Mutation.tieGiftToVisit": lambda place, role: _step(giftId=_gift(place), appointmentId=_appointment(place)),
    "Mutation.untieGiftFromVisit": lambda place, role: _step(giftId=_gift(place, tied=True)),
    "Mutation.tieCouponToVisit": lambda place, role: _step(
        couponId=global_id("Coupon", place.coupon.coupon_id), appointmentId=_appointment(place)
    ),
    "Mutation.untieCouponFromVisit": lambda place, role: _step(
        couponId=global_id("Coupon", place.tied_coupon.coupon_id)
    ),
    "Mutation.claimCoupon": lambda place, role: _step(offerId=_offer(place, "CLAIMED")),
    "Mutation.buyCoupon": lambda place, role: _step(offerId=_offer(place, "BOUGHT")),
    "Mutation.redeemCouponCode": lambda place, role: _step(code=place.coupon_code),
    "Mutation.voidCoupon": lambda place, role: _step(
        couponId=global_id("Coupon", place.coupon.coupon_id), reason="A mistake."
    ),
    "Mutation.generateCouponCodes": lambda place, role: _step(offerId=_offer(place, "BY-CODE"), count=1),
    "Mutation.importCouponCodes": lambda place, role: _step(offerId=_offer(place, "BY-CODE"), file="ABCDEFGH23"),
    "Mutation.revokeCalendarFeed": lambda place, role: {
        "input": {
            "feedId": global_id("CalendarFeed", place.associates_feed_id if role is Role.ASSOCIATE else place.feed_id)
        }
    },
    "Mutation.holdVisit": lambda place, role: _step(stops=[_stop(place)], **_member(place, role)),
    "Mutation.bookVisit": lambda place, role: _step(stops=[_stop(place)], **_member(place, role)),
    "Mutation.confirmVisit": lambda place, role: _step(visitId=_visit(place)),
    "Mutation.addToVisit": lambda place, role: _step(visitId=_visit(place), stops=[_stop(place)]),
    "Mutation.moveVisit": lambda place, role: _step(visitId=_visit(place), stops=[_moved(place)]),
    "Mutation.cancelVisit": lambda place, role: _step(visitId=_visit(place)),
    "Mutation.joinWaitlist": lambda place, role: _step(
        serviceId=global_id("Service", place.full.service_id),
        wish={"firstDay": TODAY.isoformat()},
        **_member(place, role),
    ),
    "Mutation.withdrawFromWaitlist": OF_ENTRY,
    "Mutation.acceptWaitlistOffer": OF_ENTRY,
    "Mutation.declineWaitlistOffer": OF_ENTRY,
    "Mutation.holdAppointment": lambda place, role: _step(stop=_stop(place), **_member(place, role)),
    "Mutation.confirmAppointments": lambda place, role: _step(
        appointmentIds=[global_id("Appointment", place.held.appointment_id)]
    ),
    "Mutation.bookAppointment": lambda place, role: _step(stop=_stop(place), **_member(place, role)),
    "Mutation.bookWalkIn": lambda place, role: _step(serviceId=_service(place), **_member(place, role)),
    "Mutation.rescheduleAppointment": lambda place, role: _step(
        appointmentId=_appointment(place), startsAt=at(17).isoformat()
    ),
    "Mutation.cancelAppointment": TAKES_STEP,
    "Mutation.acceptAppointment": TAKES_STEP,
    "Mutation.declineAppointment": TAKES_STEP,
    "Mutation.checkInAppointment": TAKES_STEP,
    "Mutation.startAppointment": TAKES_STEP,
    "Mutation.completeAppointment": TAKES_STEP,
    "Mutation.markNoShow": TAKES_STEP,
    "Mutation.saveService": lambda place, role: _step(
        counterId=_counter(place), code="NEW", names=NAMES, rules=HOURS, places=1
    ),
    "Mutation.retireService": lambda place, role: _step(serviceId=_service(place)),
    "Mutation.saveResource": lambda place, role: _step(
        counterId=_counter(place), kind="ROOM", code="NEW", names=NAMES, serviceIds=[]
    ),
    "Mutation.retireResource": lambda place, role: _step(resourceId=global_id("Associate", place.associate_id)),
    "Mutation.revokeTill": lambda place, role: _step(tillId=_till(place), reason="LOST"),
    "Mutation.reinstateTill": lambda place, role: _step(tillId=_till(place)),
    "Mutation.setShifts": lambda place, role: _step(
        associateId=global_id("Associate", place.associate_id),
        first=TODAY.isoformat(),
        last=TODAY.isoformat(),
        shifts=[{"day": TODAY.isoformat(), "beginsAt": "12:00", "endsAt": "18:00"}],
    ),
    "Mutation.simulateCampaign": lambda place, role: _step(
        campaign=place.draft.code,
        period={"days": {"first": "2026-05-17", "last": "2026-05-19"}},
    ),
    # What is watched
    "Subscription.stockLevels": lambda place, role: {"poolIds": [global_id(POOL, place.pool_id)]},
    "Subscription.counterBoard": lambda place, role: {"counterId": _counter(place)},
}

_KIND_OF: Mapping[Role, Callable[[Place], str]] = {
    Role.TILL: lambda place: global_id("Sale", place.sale_id),
    Role.PLANNER: _campaign,
    Role.APPROVER: _campaign,
}
"""Of which kind the thing is that `node` is asked for."""

WITHOUT_TARGET: Mapping[str, Call] = {
    "Mutation.commitSale": lambda place, role: _step(
        basket=_basket(place, paid=True), member=_shown(place), sequence=901, soldAt=START.isoformat()
    ),
    "Query.giftsAtDesk": lambda place, role: {},
    "Query.stores": lambda place, role: {},
    "Query.memberHome": lambda place, role: {},
    "Query.mySales": lambda place, role: {},
    "Query.me": lambda place, role: {},
    "Query.memberCode": lambda place, role: {},
    "Query.myCoupons": lambda place, role: {},
    "Query.couponOffers": lambda place, role: {},
    "Query.myGifts": lambda place, role: {},
    "Query.myAppointments": lambda place, role: {},
    "Query.myVisits": lambda place, role: {},
    "Query.myWaitlist": lambda place, role: {},
    "Query.pendingAdjustments": lambda place, role: {},
    "Query.auditTrail": lambda place, role: {},
    "Query.campaigns": lambda place, role: {},
    "Query.associateDay": lambda place, role: {},
    "Query.calendarFeeds": lambda place, role: {},
    "Subscription.associateDay": lambda place, role: {},
    "Mutation.createCampaign": lambda place, role: _step(code="NEW", content=_content(place)),
    "Mutation.importCampaign": lambda place, role: _step(code="NEW", document="{}"),
    "Mutation.inviteMember": lambda place, role: _step(),
    "Mutation.createCalendarFeed": lambda place, role: _step(),
}
"""What is about the caller alone, by the token: the answer must name nothing of another place."""

STAYS = {"Mutation.createCampaign", "Mutation.simulateCampaign"}
"""Read again by another transaction than the one that wrote them: not to be taken back while they are at it."""

ASKS_FOR_THE_STORE = {"Query.visitsOfDay"}
"""What an associate of the same store finds there is of the own counter."""
