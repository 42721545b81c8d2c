"""The schema: every slice's fields under one Query, one Mutation and one Subscription."""

import strawberry
from graphql import GraphQLError, GraphQLSchema, Undefined, is_input_object_type, is_interface_type, is_object_type
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from membership.graph.accounts import AccountsMutation, AccountsQuery
from membership.graph.appointments.boards import BoardsQuery, BoardsSubscription
from membership.graph.appointments.booking import AppointmentsMutation, CounterMutation
from membership.graph.appointments.fields import AppointmentsQuery
from membership.graph.appointments.planner import AppointmentsPlannerMutation, AppointmentsPlannerQuery
from membership.graph.audit import AuditQuery
from membership.graph.calendars import CalendarsMutation, CalendarsQuery
from membership.graph.campaigns.fields import CampaignsMutation, CampaignsQuery
from membership.graph.cards.fields import CardsMutation, CardsQuery
from membership.graph.coupons.fields import CouponsMutation, CouponsQuery
from membership.graph.coupons.planner import CouponsPlannerMutation, CouponsPlannerQuery
from membership.graph.gifts.desk import GiftsDeskMutation, GiftsDeskQuery
from membership.graph.gifts.fields import GiftsMutation, GiftsQuery
from membership.graph.gifts.planner import GiftsPlannerQuery
from membership.graph.home import HomeQuery
from membership.graph.inventory import InventoryQuery, InventorySubscription
from membership.graph.kit.cost import Cost, ListSize
from membership.graph.kit.inputs import plan_inputs
from membership.graph.kit.nodes import NodeQuery
from membership.graph.kit.scalars import SCALARS
from membership.graph.members.fields import MembersMutation, MembersQuery
from membership.graph.operations.documents import Documents, Manifest, load_manifest
from membership.graph.operations.execution import DiscreetExecution, Execution, plan_attributes
from membership.graph.operations.gate import Gate
from membership.graph.operations.weights import plan_weights
from membership.graph.planning.fields import PlanningMutation, PlanningQuery
from membership.graph.points.fields import PointsMutation, PointsQuery
from membership.graph.receipts import ReceiptsQuery
from membership.graph.reference import SchemaReference
from membership.graph.stores.queries import StoresQuery
from membership.graph.stores.tills import TillKeepingMutation
from membership.graph.tiers.fields import TiersMutation, TiersQuery
from membership.graph.tiers.ladder import LadderQuery
from membership.graph.ties import TiesMutation, TiesQuery
from membership.graph.tills.fields import TillsMutation
from membership.graph.visits.fields import VisitsMutation, VisitsQuery
from membership.graph.waitlist.fields import WaitlistMutation, WaitlistQuery
from membership.settings import Profile

QUERIES: tuple[type, ...] = (
    NodeQuery,
    StoresQuery,
    HomeQuery,
    PointsQuery,
    ReceiptsQuery,
    MembersQuery,
    CardsQuery,
    AccountsQuery,
    LadderQuery,
    TiersQuery,
    CouponsQuery,
    CouponsPlannerQuery,
    InventoryQuery,
    CampaignsQuery,
    PlanningQuery,
    GiftsQuery,
    GiftsDeskQuery,
    GiftsPlannerQuery,
    TiesQuery,
    CalendarsQuery,
    VisitsQuery,
    WaitlistQuery,
    AuditQuery,
    AppointmentsQuery,
    BoardsQuery,
    AppointmentsPlannerQuery,
)
MUTATIONS: tuple[type, ...] = (
    PointsMutation,
    TillsMutation,
    TillKeepingMutation,
    MembersMutation,
    CardsMutation,
    AccountsMutation,
    TiersMutation,
    CampaignsMutation,
    PlanningMutation,
    GiftsMutation,
    GiftsDeskMutation,
    TiesMutation,
    CouponsMutation,
    CouponsPlannerMutation,
    CalendarsMutation,
    VisitsMutation,
    WaitlistMutation,
    AppointmentsMutation,
    CounterMutation,
    AppointmentsPlannerMutation,
)
SUBSCRIPTIONS: tuple[type, ...] = (InventorySubscription, BoardsSubscription)
TYPES: tuple[type, ...] = (Cost, ListSize)
"""Types that no field names, such as those reached by `node` only, and directives."""


class MembershipSchema(strawberry.Schema):
    """The schema and the documents it has seen."""

    documents: Documents

    def reference(self) -> SchemaReference:
        """The schema as a reader wants it."""
        return SchemaReference(self._schema, self.documents.manifest)

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Strawberry would log every error with its document. What is unexpected, faults.py logs."""


def build_schema(
    profile: Profile = Profile.PRODUCTION,
    manifest: Manifest | None = None,
    *,
    subscriptions: tuple[type, ...] = SUBSCRIPTIONS,
) -> MembershipSchema:
    """`production` runs trusted documents only; `open` takes text and introspection too."""
    is_open = profile is Profile.OPEN
    schema = MembershipSchema(
        query=_merged("Query", QUERIES, "What can be read."),
        mutation=_merged("Mutation", MUTATIONS, "What can be done.") if MUTATIONS else None,
        subscription=_merged("Subscription", subscriptions, "What can be watched.") if subscriptions else None,
        types=TYPES,
        extensions=[Gate],
        execution_context_class=Execution if is_open else DiscreetExecution,
        config=StrawberryConfig(scalar_map=dict(SCALARS)),
    )
    _drop_null_defaults(schema._schema)
    plan_inputs(schema)
    plan_attributes(schema)
    plan_weights(schema._schema)
    schema.documents = Documents(
        schema._schema,
        load_manifest() if manifest is None else manifest,
        takes_text=is_open,
        introspection=is_open,
    )
    return schema


def _merged(name: str, parts: tuple[type, ...], description: str) -> type:
    return strawberry.type(type(name, parts, {}), description=description)


def _drop_null_defaults(schema: GraphQLSchema) -> None:
    """`first: Int` instead of `first: Int = null`: Python's own default serves an absent argument."""
    for named in schema.type_map.values():
        if is_input_object_type(named):
            inputs = list(named.fields.values())
        elif is_object_type(named) or is_interface_type(named):
            inputs = [argument for entry in named.fields.values() for argument in entry.args.values()]
        else:
            continue
        for entry in inputs:
            if entry.default_value is None:
                entry.default_value = Undefined
