"""What a programme and its stores look like. All of it is kept in memory: no field here costs a round trip."""

from collections.abc import Callable, Iterable
from datetime import datetime, time
from typing import Protocol, TypeVar

import strawberry

from membership.graph.kit.context import Info
from membership.graph.kit.enums import describe_enum
from membership.graph.kit.fields import field
from membership.graph.kit.localisation import localised
from membership.graph.kit.money import Money, money
from membership.graph.kit.relay import (
    After,
    Connection,
    First,
    Keyset,
    Node,
    connection,
    global_id,
    rows_in_memory,
)
from membership.stores import model
from membership.stores.model import ActivationLevel
from membership.stores.rules import keeps_tills
from membership.stores.service import Directory

describe_enum(
    ActivationLevel,
    "Caps what a brand may do with member data, whatever a member consented to.",
    {
        ActivationLevel.ACTIVE: "The brand may use all that members consented to.",
        ActivationLevel.SELECTIVE: "The brand may use a part of it.",
        ActivationLevel.TRADITIONAL: "The brand keeps to sales and uses no member data.",
    },
)

_BY_CODE = Keyset("by_code", (str,))


class _Coded(Protocol):
    @property
    def code(self) -> str: ...


Record = TypeVar("Record", bound=_Coded)
Item = TypeVar("Item")


def by_code(
    records: Iterable[Record], first: int | None, after: str | None, *, node: Callable[[Record], Item]
) -> Connection[Item]:
    """A page of a list that is kept in memory."""

    def key(record: Record) -> tuple[str]:
        return (record.code,)

    page = _BY_CODE.page(first, after)
    return connection(rows_in_memory(records, page, key=key), page, _BY_CODE, node=node, key=key)


@strawberry.type(description="The stores that share a currency, a ladder of tiers and points.")
class Programme(Node):
    code: str = strawberry.field(description="Short code, unique.")
    name: str = strawberry.field(description="Name in the request's language.")
    currency: str = strawberry.field(description="ISO 4217 code of the currency of every amount.")
    minor_unit_exponent: int = strawberry.field(
        description="Decimal places of the currency: 2 where amounts are in hundredths, 0 where there is no minor unit."
    )
    record: strawberry.Private[model.Programme]
    directory: strawberry.Private[Directory]

    @field(description="The programme's stores, by code.")
    def stores(self, info: Info, first: First = None, after: After = None) -> Connection["Store"]:
        mine = (
            store for store in self.directory.configuration.stores if store.programme_id == self.record.programme_id
        )
        return by_code(mine, first, after, node=lambda store: store_node(store, self.directory, info.context.locale))

    @field(description="The brands that sell in the programme's stores, by code.")
    def brands(self, info: Info, first: First = None, after: After = None) -> Connection["Brand"]:
        mine = (
            brand for brand in self.directory.configuration.brands if brand.programme_id == self.record.programme_id
        )
        return by_code(mine, first, after, node=lambda brand: brand_node(brand, info.context.locale))

    @field(description="The categories of goods, by code.")
    def categories(self, info: Info, first: First = None, after: After = None) -> Connection["Category"]:
        mine = (
            category
            for category in self.directory.configuration.categories
            if category.programme_id == self.record.programme_id
        )
        return by_code(
            mine, first, after, node=lambda category: category_node(category, self.record, info.context.locale)
        )


@strawberry.type(description="A department store.")
class Store(Node):
    code: str = strawberry.field(description="Short code, unique.")
    name: str = strawberry.field(description="Name in the request's language.")
    zone: str = strawberry.field(description="IANA time zone in which the store's dates and times are read.")
    cutover: time = strawberry.field(
        description="Local time at which a business day begins: an earlier sale belongs to the day before."
    )
    record: strawberry.Private[model.Store]
    directory: strawberry.Private[Directory]

    @field(description="The programme whose cards and points the store takes.")
    def programme(self, info: Info) -> Programme:
        return programme_node(self.directory.programme(self.record.programme_id), self.directory, info.context.locale)

    @field(description="The store's floors, from the lowest.")
    def floors(self, info: Info) -> list["Floor"]:
        everything = self.directory.configuration.floors
        return [
            floor_node(floor, info.context.locale) for floor in everything if floor.store_id == self.record.store_id
        ]

    @field(description="The counters of the store, by code.")
    def counters(self, info: Info, first: First = None, after: After = None) -> Connection["Counter"]:
        mine = (
            counter for counter in self.directory.configuration.counters if counter.store_id == self.record.store_id
        )
        return by_code(mine, first, after, node=lambda counter: counter_node(counter, self.directory))

    @field(description="The store's tills, by code, in service or not: for those who look after them.")
    def tills(self, info: Info, first: First = None, after: After = None) -> Connection["Till"]:
        kept = keeps_tills(info.context.actor, self.record)
        mine = (till for till in self.directory.configuration.tills if kept and till.store_id == self.record.store_id)
        return by_code(mine, first, after, node=lambda till: till_node(till, self.directory))


@strawberry.type(description="A floor of a store.")
class Floor(Node):
    code: str = strawberry.field(description="The floor as lifts show it, such as B1 or 1F.")
    name: str = strawberry.field(description="Name in the request's language.")


@strawberry.type(description="A maison. Whether it gives points and whether it counts for tiers are independent.")
class Brand(Node):
    code: str = strawberry.field(description="Short code, unique in the programme.")
    name: str = strawberry.field(description="Name in the request's language.")
    earns_points: bool = strawberry.field(description="Whether sales of the brand give points.")
    counts_for_tier: bool = strawberry.field(description="Whether spend at the brand counts for the tier.")
    activation_level: ActivationLevel = strawberry.field(description="What the brand may do with member data at most.")


@strawberry.type(description="A category of goods with its earn rate.")
class Category(Node):
    code: str = strawberry.field(description="Short code, unique in the programme.")
    name: str = strawberry.field(description="Name in the request's language.")
    spend_per_point: Money = strawberry.field(description="How much spend gives one point.")
    earns_points: bool = strawberry.field(description="Whether goods of the category give points.")
    counts_for_tier: bool = strawberry.field(description="Whether spend on the category counts for the tier.")


@strawberry.type(description="A brand's concession in a store.")
class Counter(Node):
    code: str = strawberry.field(description="Short code, unique in the store.")
    commission_basis_points: int = strawberry.field(
        description="The mall's commission on the counter's sales, in hundredths of a percent."
    )
    record: strawberry.Private[model.Counter]
    directory: strawberry.Private[Directory]

    @field(description="The store the counter is in.")
    def store(self, info: Info) -> Store:
        return store_node(self.directory.store(self.record.store_id), self.directory, info.context.locale)

    @field(description="The floor the counter is on.")
    def floor(self, info: Info) -> Floor:
        return floor_node(self.directory.floor(self.record.floor_id), info.context.locale)

    @field(description="The brand the counter sells.")
    def brand(self, info: Info) -> Brand:
        return brand_node(self.directory.brand(self.record.brand_id), info.context.locale)


@strawberry.type(description="A till of a store.")
class Till(Node):
    code: str = strawberry.field(description="Short code, unique in the store.")
    revoked_at: datetime | None = strawberry.field(
        description="When it was taken out of service; null for a till in service."
    )
    record: strawberry.Private[model.Till]
    directory: strawberry.Private[Directory]

    @field(description="The counter that it sells for; null for a central cashier, which sells for all.")
    def counter(self) -> Counter | None:
        counter_id = self.record.counter_id
        return None if counter_id is None else counter_node(self.directory.counter(counter_id), self.directory)


def programme_node(record: model.Programme, directory: Directory, locale: str) -> Programme:
    return Programme(
        id=global_id("Programme", record.programme_id),
        code=record.code,
        name=localised(record.names, locale),
        currency=record.currency,
        minor_unit_exponent=record.minor_unit_exponent,
        record=record,
        directory=directory,
    )


def store_node(record: model.Store, directory: Directory, locale: str) -> Store:
    return Store(
        id=global_id("Store", record.store_id),
        code=record.code,
        name=localised(record.names, locale),
        zone=record.zone.key,
        cutover=record.cutover,
        record=record,
        directory=directory,
    )


def floor_node(record: model.Floor, locale: str) -> Floor:
    return Floor(id=global_id("Floor", record.floor_id), code=record.code, name=localised(record.names, locale))


def brand_node(record: model.Brand, locale: str) -> Brand:
    return Brand(
        id=global_id("Brand", record.brand_id),
        code=record.code,
        name=localised(record.names, locale),
        earns_points=record.earns_points,
        counts_for_tier=record.counts_for_tier,
        activation_level=record.activation_level,
    )


def category_node(record: model.Category, programme: model.Programme, locale: str) -> Category:
    return Category(
        id=global_id("Category", record.category_id),
        code=record.code,
        name=localised(record.names, locale),
        spend_per_point=money(record.spend_minor_per_point, programme),
        earns_points=record.earns_points,
        counts_for_tier=record.counts_for_tier,
    )


def counter_node(record: model.Counter, directory: Directory) -> Counter:
    return Counter(
        id=global_id("Counter", record.counter_id),
        code=record.code,
        commission_basis_points=record.commission_basis_points,
        record=record,
        directory=directory,
    )


def till_node(record: model.Till, directory: Directory) -> Till:
    return Till(
        id=global_id("Till", record.till_id),
        code=record.code,
        revoked_at=record.revoked_at,
        record=record,
        directory=directory,
    )
