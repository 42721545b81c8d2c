"""Where the nonsense is sent: both profiles of the application, over a world with one of everything to hit."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import cast

import redis.asyncio
from graphql import (
    GraphQLInputType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    TypeNode,
    parse,
    type_from_ast,
)
from pydantic import SecretStr
from starlette.applications import Starlette

from membership.app import create_app
from membership.graph.kit.relay import global_id
from membership.graph.operations.documents import load_manifest
from membership.graph.schema import build_schema
from membership.kernel.actor import Role
from membership.kernel.clock import SystemClock
from membership.postgres.connection import Conn
from membership.postgres.database import Database, open_pool
from membership.settings import Profile, Rate, RateSettings, Settings
from membership.web.development_issuer import issue_token
from membership.web.streams import StreamLimits
from support.people import KEYS
from support.recording import recording_connection
from support.servers import Addresses
from support.walls_world import Walls, Where
from web.fuzzing.values import Values

SEED = 20_251_111
UNHURRIED = {name: Rate(9_999_999, 1) for name in RateSettings.model_fields}


@dataclass(frozen=True)
class Trusted:
    """A document that clients send. `variables`: their types; `roles`: who may run it."""

    identity: str
    text: str
    kind: OperationType
    variables: Mapping[str, GraphQLInputType]
    roles: Sequence[Role]


@dataclass
class Arena:
    walls: Walls
    values: Values
    rng: Random
    production: Starlette
    open: Starlette
    documents: Sequence[Trusted]
    tokens: Mapping[tuple[Where, Role], str]
    statements: list[str]

    def token(self, roles: Sequence[Role]) -> str:
        """Nearly always of somebody who may, as a rule at home."""
        role = self.rng.choice(roles or list(Role)) if self.rng.random() < 0.9 else self.rng.choice(list(Role))
        where = Where.OWN if self.rng.random() < 0.8 else self.rng.choice(list(Where))
        return self.tokens[where, role]

    def request(self, document: Trusted) -> dict[str, object]:
        variables = {name: self.values.of(type_, name) for name, type_ in document.variables.items()}
        if self.rng.random() < 0.75:
            variables = self.values.damaged(variables)
        return {"documentId": document.identity, "variables": variables}


@asynccontextmanager
async def open_arena(walls: Walls, addresses: Addresses, redis_url: str, issuer_folder: Path) -> AsyncIterator[Arena]:
    dsn, statements = addresses.dsn(await walls.conn.fetchval("SELECT current_database()")), list[str]()
    secrets = {version: SecretStr(key.hex()) for version, key in KEYS.items()}
    settings = Settings.model_validate(
        {
            "DATABASE_URL": dsn,
            "REDIS_URL": redis_url,
            "token_jwks_file": issuer_folder / "jwks.json",
            "identity_hash_keys": secrets,
            "identity_encryption_keys": secrets,
            **UNHURRIED,
        }
    )
    pool = await open_pool(dsn, max_size=10, connection_class=recording_connection(statements))
    client = redis.asyncio.Redis.from_url(redis_url)
    rng = Random(SEED)
    documents = _documents()
    known = await _known(walls.conn)

    def app(profile: Profile) -> Starlette:
        limits = StreamLimits(of_one_caller=100)
        configured = settings.model_copy(update={"profile": profile})
        return create_app(
            configured, Database(pool), client, walls.clock, host_clock=SystemClock(), stream_limits=limits
        )

    production, open_to_text = app(Profile.PRODUCTION), app(Profile.OPEN)
    values = Values(rng, walls, known, _words(walls))
    yield Arena(walls, values, rng, production, open_to_text, documents, _tokens(walls, issuer_folder), statements)
    for application in (production, open_to_text):
        await application.state.services.close()
    await client.aclose()
    await pool.close()


def _documents() -> Sequence[Trusted]:
    schema = build_schema(Profile.OPEN, {})
    found = []
    for identity, text in sorted(load_manifest().items()):
        node = parse(text)
        (operation,) = (entry for entry in node.definitions if isinstance(entry, OperationDefinitionNode))
        variables = {
            entry.variable.name.value: _type(schema._schema, entry.type)
            for entry in operation.variable_definitions or ()
        }
        access = schema.documents.find(None, text).access[operation.name.value if operation.name else None]
        roles = sorted(access.roles)
        found.append(Trusted(identity, text, operation.operation, variables, roles))
    return found


def _type(schema: GraphQLSchema, node: TypeNode) -> GraphQLInputType:
    return cast(GraphQLInputType, type_from_ast(schema, node))


_TABLES = {
    "Member": "members.members member_id",
    "Card": "cards.cards card_id",
    "Store": "stores.stores store_id",
    "Counter": "stores.counters counter_id",
    "Till": "stores.tills till_id",
    "Brand": "stores.brands brand_id",
    "Programme": "stores.programmes programme_id",
    "Sale": "receipts.sales sale_id",
    "Quote": "receipts.quotes quote_id",
    "Appointment": "appointments.appointments appointment_id",
    "Service": "appointments.services service_id",
    "Visit": "visits.visits visit_id",
    "Campaign": "campaigns.campaigns campaign_id",
    "Coupon": "coupons.coupons coupon_id",
    "CouponOffer": "coupons.offers offer_id",
    "Gift": "gifts.gifts gift_id",
    "GiftPool": "gifts.pools pool_id",
    "WaitlistEntry": "waitlist.entries entry_id",
    "Identity": "members.identities identity_id",
}
_SAME = {"Offer": "CouponOffer", "Pool": "GiftPool", "Winner": "Member", "Loser": "Member", "": "Member"}


async def _known(conn: Conn) -> Mapping[str, Sequence[str]]:
    found = {}
    for type_name, place in _TABLES.items():
        table, column = place.split()
        rows = await conn.fetch(f"SELECT {column} AS key FROM {table} ORDER BY 1 LIMIT 12")
        found[type_name] = [global_id(type_name, row["key"]) for row in rows]
        assert rows, f"the world holds no {type_name}"
    return {**found, **{stem: found[type_name] for stem, type_name in _SAME.items()}}


def _words(walls: Walls) -> Sequence[str]:
    own = walls.own
    return (
        *(own.store.code, own.counter, own.phone, own.card_number, own.coupon_code, own.member_code),
        *("WOMENSWEAR", "CNY", "CASH", "CN", "zh-CN", "CITY", "A word.", own.associate_code),
    )


def _tokens(walls: Walls, folder: Path) -> Mapping[tuple[Where, Role], str]:
    def token(where: Where, role: Role) -> str:
        actor = walls.places[where].actor(role)
        return issue_token(
            folder,
            role,
            now=SystemClock().now(),
            subject=actor.subject,
            member=actor.member_id,
            programme=actor.programme_id or walls.own.store.programme_id,
            store=actor.store_id,
            counter=actor.counter_id,
            till=actor.till_id,
            brand=actor.brand_id,
        )

    return {(where, role): token(where, role) for where in Where for role in Role}
