"""Who may use which field, cell by cell.

The table is written a second time on purpose: a change of who sees what is made in two places, by somebody who
means it. A field without a row here fails, and so does a row without a field.
"""

from collections.abc import Iterator

import pytest
from graphql import GraphQLObjectType, get_named_type, is_interface_type, is_leaf_type, is_object_type

from membership.graph.carried import CARRIED
from membership.graph.permissions import EVERYBODY, PERMISSIONS, RULES, access_to
from membership.graph.schema import MembershipSchema
from membership.kernel.actor import Role
from support.operations import Run, actor, codes

#                                  no token, then each role in the order of ROLES: y may, - may not
ROLES = (
    Role.MEMBER,
    Role.TILL,
    Role.ASSOCIATE,
    Role.DESK,
    Role.MEMBER_SERVICES,
    Role.PLANNER,
    Role.APPROVER,
    Role.ADMIN,
    Role.SERVICE,
)
ROOTS = {"Query", "Mutation", "Subscription"}
TABLE = {
    "Query.node":                    "- yyyyyyyyy",
    "Query.nodes":                   "- yyyyyyyyy",
    "Query.programme":               "y yyyyyyyyy",
    "Query.store":                   "y yyyyyyyyy",
    "Query.stores":                  "y yyyyyyyyy",
    "Store.tills":                   "- ----y--y-",
    "Till.code":                     "- ----y--y-",
    "Till.revokedAt":                "- ----y--y-",
    "Till.counter":                  "- ----y--y-",
    "Mutation.revokeTill":           "- ----y--y-",
    "Mutation.reinstateTill":        "- -------y-",
    "Query.memberHome":              "- y--------",
    "Query.mySales":                 "- y--------",
    "Query.sale":                    "- yyyyy--yy",
    "Query.me":                      "- y--------",
    "Query.memberCode":              "- y--------",
    "Query.member":                  "- ----y--yy",
    "Query.identifyMember":          "- -y-y-----",
    "Mutation.confirmSpending":      "- y--------",
    "Mutation.inviteMember":         "- -y--y----",
    "Mutation.enrol":                "- y-------y",
    "Mutation.updateProfile":        "- y---y----",
    "Mutation.addIdentity":          "- ----y---y",
    "Mutation.removeIdentity":       "- y---y----",
    "Mutation.recordConsent":        "- y---y----",
    "Mutation.mergeMembers":         "- ----y--y-",
    "Mutation.issueCard":            "- ----y--y-",
    "Mutation.replaceCard":          "- ----y--y-",
    "Mutation.blockCard":            "- y---y--y-",
    "Mutation.unblockCard":          "- ----y--y-",
    "Mutation.closeCard":            "- ----y--y-",
    "Member.displayName":            "- y---y--yy",
    "Member.birthday":               "- y---y--yy",
    "Member.preferredLocale":        "- y---y--yy",
    "Member.consents":               "- y---y--yy",
    "Member.identities":             "- y---y--y-",
    "Identity.value":                "- y---y--y-",
    "Card.number":                   "- y---y--y-",
    "Query.auditTrail":              "- -------y-",
    "Query.pendingAdjustments":      "- ----y-y--",
    "Mutation.adjustPoints":         "- ----y----",
    "Mutation.approveAdjustment":    "- ----y-y--",
    "Mutation.rejectAdjustment":     "- ----y-y--",
    "Query.ladder":                  "y yyyyyyyyy",
    "Query.tierGrants":              "- y---y----",
    "Mutation.grantTier":            "- ----y----",
    "Mutation.endTierGrant":         "- ----y----",
    "Mutation.runTierReview":        "- -------yy",
    "Query.myCoupons":               "- y--------",
    "Query.memberCoupons":           "- -y-yy----",
    "Query.couponOffers":            "- y--------",
    "Coupon.memberId":               "- yy--y--yy",
    "Query.couponIssues":            "- -----yy--",
    "Mutation.claimCoupon":          "- y--------",
    "Mutation.buyCoupon":            "- y--------",
    "Mutation.redeemCouponCode":     "- y--------",
    "Mutation.voidCoupon":           "- ----y--y-",
    "Mutation.generateCouponCodes":  "- -----y---",
    "Mutation.importCouponCodes":    "- -----y---",
    "Query.stockLevels":             "- y--y-yyyy",
    "Subscription.stockLevels":      "- y--y-yyyy",
    "StockLevel.confirmed":          "- ---y-yyyy",
    "StockLevel.held":               "- ---y-yyyy",
    "StockLevel.voided":             "- ---y-yyyy",
    "Query.campaign":                "- -----yyy-",
    "Query.campaigns":               "- -----yyy-",
    "Query.exportCampaign":          "- -----yyy-",
    "Query.previewCampaignDates":    "- -----yyy-",
    "Mutation.createCampaign":       "- -----y-y-",
    "Mutation.importCampaign":       "- -----y-y-",
    "Mutation.editCampaign":         "- -----y-y-",
    "Mutation.reviseCampaign":       "- -----y-y-",
    "Mutation.submitCampaign":       "- -----y-y-",
    "Mutation.approveCampaign":      "- ------yy-",
    "Mutation.sendBackCampaign":     "- ------yy-",
    "Mutation.pauseCampaign":        "- -----yyy-",
    "Mutation.resumeCampaign":       "- -----yyy-",
    "Mutation.endCampaign":          "- -----yyy-",
    "Mutation.cancelCampaign":       "- -----yyy-",
    "Mutation.settleCampaign":       "- -----yyy-",
    "Mutation.closeCampaign":        "- -----yyy-",
    "Query.visitProposals":          "- y-yyy--y-",
    "Query.visitMoves":              "- y-yyy--y-",
    "Query.visit":                   "- y-yyy--yy",
    "Query.myVisits":                "- y--------",
    "Query.memberVisits":            "- --yyy--yy",
    "Query.visitsOfDay":             "- --yyy--yy",
    "Mutation.holdVisit":            "- y-yyy--y-",
    "Mutation.confirmVisit":         "- y-yyy--y-",
    "Mutation.bookVisit":            "- y-yyy--y-",
    "Mutation.addToVisit":           "- y-yyy--y-",
    "Mutation.moveVisit":            "- y-yyy--y-",
    "Mutation.cancelVisit":          "- y-yyy--y-",
    "Visit.memberId":                "- y---y--yy",
    "Query.myWaitlist":              "- y--------",
    "Query.waitlistAtCounter":       "- --yyy--y-",
    "Mutation.joinWaitlist":         "- y-yyy--y-",
    "Mutation.withdrawFromWaitlist": "- y-yyy--y-",
    "Mutation.acceptWaitlistOffer":  "- y-yyy--y-",
    "Mutation.declineWaitlistOffer": "- y-yyy--y-",
    "WaitlistEntry.memberId":        "- y---y--yy",
    "Query.giftOffers":              "- y--------",
    "Query.myGifts":                 "- y--------",
    "Mutation.claimGift":            "- y--------",
    "Mutation.cancelGift":           "- y--------",
    "Query.giftsAtDesk":             "- --yy-----",
    "Query.giftsToCollect":          "- --yy-----",
    "Query.findGift":                "- --yy-----",
    "Mutation.markGiftReady":        "- ---y-----",
    "Mutation.collectGift":          "- --yy-----",
    "Mutation.takeBackGift":         "- ---y-----",
    "Mutation.waiveGift":            "- ----y----",
    "Query.giftPools":               "- -----yyy-",
    "Query.appointmentTies":         "- y-yyy----",
    "Mutation.tieGiftToVisit":       "- y---y----",
    "Mutation.untieGiftFromVisit":   "- y-yyy----",
    "Mutation.tieCouponToVisit":     "- y---y----",
    "Mutation.untieCouponFromVisit": "- y---y----",
    "Gift.code":                     "- y---y--y-",
    "Query.services":                "- yyyyyyyyy",
    "Query.availability":            "- y-yyyy-yy",
    "Query.myAppointments":          "- y--------",
    "Query.appointment":             "- y-yyy--yy",
    "Query.appointmentStory":        "- --yyy--y-",
    "Mutation.holdAppointment":      "- y-yyy--y-",
    "Mutation.confirmAppointments":  "- y-yyy--y-",
    "Mutation.bookAppointment":      "- y-yyy--y-",
    "Mutation.rescheduleAppointment": "- y-yyy--y-",
    "Mutation.cancelAppointment":    "- y-yyy--y-",
    "Mutation.bookWalkIn":           "- --yyy--y-",
    "Mutation.acceptAppointment":    "- --yyy--y-",
    "Mutation.declineAppointment":   "- --yyy--y-",
    "Mutation.checkInAppointment":   "- --yyy--y-",
    "Mutation.startAppointment":     "- --yyy--y-",
    "Mutation.completeAppointment":  "- --yyy--y-",
    "Mutation.markNoShow":           "- --yyy--y-",
    "Query.counterBoard":            "- --yyy--y-",
    "Subscription.counterBoard":     "- --yyy--y-",
    "Query.associateDay":            "- --y------",
    "Subscription.associateDay":     "- --y------",
    "Query.guest":                   "- --yyy--y-",
    "Member.appointments":           "- y-yyy--yy",
    "Appointment.memberId":          "- y---y--yy",
    "Query.bookingResources":        "- -----y-y-",
    "Query.counterShifts":           "- -----y-y-",
    "Mutation.saveService":          "- -----y-y-",
    "Mutation.retireService":        "- -----y-y-",
    "Mutation.saveResource":         "- -----y-y-",
    "Mutation.retireResource":       "- -----y-y-",
    "Mutation.setShifts":            "- -----y-y-",
    "Service.setup":                 "- -----yyy-",
    "AppointmentChange.subject":     "- ----y--y-",
    "Mutation.simulateCampaign":     "- -----yyy-",
    "Query.simulation":              "- -----yyy-",
    "Query.explainSale":             "- yy-yyyyy-",
    "Query.explainOffer":            "- yy-yyyyy-",
    "Query.calendarFeeds":           "- y-y------",
    "Query.appointmentCalendar":     "- y---y---y",
    "Query.visitCalendar":           "- y---y---y",
    "Mutation.createCalendarFeed":   "- y-y------",
    "Mutation.revokeCalendarFeed":   "- y-y------",
    "Mutation.quoteSale":            "- -y-------",
    "Mutation.renewQuote":           "- -y-------",
    "Mutation.abandonQuote":         "- -y-------",
    "Mutation.commitSale":           "- -y-------",
    "Mutation.voidSale":             "- -y-------",
    "Mutation.returnLines":          "- -y-------",
    "Mutation.exchangeLines":        "- -y-------",
    "Mutation.attachSale":           "- yy--y----",
    "Counter.commissionBasisPoints": "- -----yyy-",
}  # fmt: skip

CELLS = [
    (coordinate, role, mark == "y")
    for coordinate, row in TABLE.items()
    for role, mark in zip((None, *ROLES), row.replace(" ", ""), strict=True)
]


def test_every_role_has_a_column() -> None:
    assert set(ROLES) == set(Role)


def test_every_row_of_the_permissions_is_in_the_table() -> None:
    assert set(TABLE) == set(PERMISSIONS)


def test_each_root_field_is_somebodys_or_public(open_schema: MembershipSchema) -> None:
    decided = {coordinate for coordinate in RULES if coordinate.partition(".")[0] in ROOTS}
    assert {f"{name}.{field}" for name, field in fields_of(open_schema) if name in ROOTS} == decided


def test_a_root_field_without_a_rule_is_nobodys() -> None:
    assert access_to(["Query.somethingNew"]).roles == set()
    assert not access_to(["Mutation.somethingNew"]).is_public
    assert access_to(["Query.__typename", "Card.lastDigits"]).is_public


def test_each_field_of_an_object_is_restricted_or_comes_with_it(open_schema: MembershipSchema) -> None:
    """One or the other, said in so many words: a field that is in neither was not thought about."""
    there = {(name, field) for name, field in fields_of(open_schema) if name not in ROOTS}
    restricted = {tuple(coordinate.split(".")) for coordinate in RULES if coordinate.partition(".")[0] not in ROOTS}
    carried = {(name, field) for name, fields in CARRIED.items() for field in fields.split()}
    assert there - restricted - carried == set(), "a row in permissions.py, or its name in carried.py"
    assert (restricted | carried) - there == set(), "these fields there are not (any more)"
    assert restricted & carried == set()


def test_whose_rows_is_said_for_each_role_that_may_ask() -> None:
    unsaid = [
        f"{coordinate} as {role.value}"
        for coordinate, rule in RULES.items()
        for role in (EVERYBODY if rule.roles is None else rule.roles)
        if role not in rule.reach
    ]
    assert unsaid == []


def fields_of(schema: MembershipSchema) -> Iterator[tuple[str, str]]:
    """But for facts of refusals, and what Relay makes of lists."""
    for name, named in schema._schema.type_map.items():
        if not (is_object_type(named) or is_interface_type(named)) or name.startswith("__"):
            continue
        is_refusal = "Refusal" in {interface.name for interface in named.interfaces}
        if not is_refusal and name != "PageInfo" and not name.endswith(("Connection", "Edge")):
            yield from ((name, field) for field in named.fields)


@pytest.mark.parametrize(("coordinate", "role", "allowed"), CELLS)
def test_the_cell(coordinate: str, role: Role | None, allowed: bool) -> None:
    access = access_to([coordinate])
    assert (access.is_public if role is None else role in access.roles) is allowed


def asking_for(schema: MembershipSchema, field_name: str, root: GraphQLObjectType) -> str:
    """A valid document for one root field, its required arguments left to variables that are not sent."""
    field = root.fields[field_name]
    variables = ", ".join(f"${name}: {argument.type}" for name, argument in field.args.items())
    arguments = ", ".join(f"{name}: ${name}" for name in field.args)
    selection = "" if is_leaf_type(get_named_type(field.type)) else "{ __typename }"
    operation = "mutation" if root is schema._schema.mutation_type else "query"
    return (
        f"{operation} Asking{f'({variables})' if variables else ''} "
        f"{{ {field_name}{f'({arguments})' if arguments else ''} {selection} }}"
    )


@pytest.mark.parametrize(
    ("coordinate", "role"),
    [
        (coordinate, role)
        for coordinate, role, allowed in CELLS
        if not allowed and coordinate.startswith(("Query.", "Mut"))
    ],
)
async def test_a_cell_that_says_no_lets_no_operation_run(
    run: Run, open_schema: MembershipSchema, coordinate: str, role: Role | None
) -> None:
    type_name, _, field_name = coordinate.partition(".")
    root = open_schema._schema.type_map[type_name]
    assert isinstance(root, GraphQLObjectType)
    result = await run(asking_for(open_schema, field_name, root), caller=None if role is None else actor(role))

    assert codes(result) == ["UNAUTHENTICATED" if role is None else "FORBIDDEN"]
