"""Tills: looked at, taken out of service, put back. For service desks and administrators."""

from collections.abc import Collection
from uuid import UUID

import strawberry

from membership.graph.kit.context import Info, RequestContext
from membership.graph.kit.enums import describe_enum
from membership.graph.kit.fields import mutation
from membership.graph.kit.relay import Node, key_of, node_loader
from membership.graph.stores.types import Till, till_node
from membership.graph.tills.inputs import KEY
from membership.postgres.idempotency import IdempotencyConflict
from membership.stores import model
from membership.stores.errors import TillAlreadyRevoked, TillInService, UnknownTill
from membership.stores.model import RevocationReason, TillId
from membership.stores.rules import keeps_tills
from membership.stores.tills import REFUSED_WITHIN

describe_enum(
    RevocationReason,
    "Why a till was taken out of service.",
    {
        RevocationReason.LOST: "Nobody knows where it is.",
        RevocationReason.STOLEN: "Somebody took it.",
        RevocationReason.MISUSE: "Somebody used it against the rules.",
        RevocationReason.RETIRED: "It is worn out or replaced.",
    },
)


@strawberry.input(description="A till to be taken out of service.")
class RevokeTillInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    till_id: strawberry.ID = strawberry.field(description="The till.")
    reason: RevocationReason = strawberry.field(description="Why.")


@strawberry.input(description="A till to be put back into service.")
class ReinstateTillInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    till_id: strawberry.ID = strawberry.field(description="The till.")


@strawberry.type(description="The till that is out of service.")
class RevokeTillPayload:
    till: Till = strawberry.field(description="The till.")


@strawberry.type(description="The till that is in service again.")
class ReinstateTillPayload:
    till: Till = strawberry.field(description="The till.")


@node_loader("Till")
async def load_tills(context: RequestContext, keys: Collection[UUID]) -> dict[UUID, Node]:
    directory = await context.directory()
    return {
        record.till_id: till_node(record, directory)
        for record in directory.configuration.tills
        if record.till_id in keys and keeps_tills(context.actor, directory.store(record.store_id))
    }


@strawberry.type
class TillKeepingMutation:
    @mutation(
        IdempotencyConflict,
        UnknownTill,
        TillAlreadyRevoked,
        description="Take a till out of service: its token is refused and its connections are ended, everywhere within "
        f"{REFUSED_WITHIN.seconds} seconds. What it has sold and not reported, it reports when it is reinstated.",
    )
    async def revoke_till(self, info: Info, input: RevokeTillInput) -> RevokeTillPayload:  # noqa: A002
        context = info.context
        till = await context.services.till_register.revoke(
            context.actor, context.now, _key(input.till_id), input.reason, key=input.idempotency_key
        )
        return RevokeTillPayload(till=await _shown(context, till))

    @mutation(
        IdempotencyConflict,
        UnknownTill,
        TillInService,
        description="Put a till back into service: its token is good again, and it reports what it has not reported.",
    )
    async def reinstate_till(self, info: Info, input: ReinstateTillInput) -> ReinstateTillPayload:  # noqa: A002
        context = info.context
        till = await context.services.till_register.reinstate(
            context.actor, context.now, _key(input.till_id), key=input.idempotency_key
        )
        return ReinstateTillPayload(till=await _shown(context, till))


def _key(till_id: strawberry.ID) -> TillId:
    return TillId(key_of(till_id, "Till"))


async def _shown(context: RequestContext, till: model.Till) -> Till:
    return till_node(till, await context.directory())
