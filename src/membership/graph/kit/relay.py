"""Global ids, and connections by keyset: a page begins after the last row's key, never at an offset."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Generic, TypeAlias, TypeVar
from uuid import UUID

import orjson
import strawberry

from membership.graph.kit.context import RequestContext
from membership.graph.kit.fields import field
from membership.graph.operations.faults import bad_user_input

DEFAULT_PAGE = 20
LARGEST_PAGE = 100


@strawberry.interface(description="An object with a globally unique id, which `node` finds again.")
class Node:
    id: strawberry.ID = strawberry.field(description="Globally unique and opaque.")


def global_id(type_name: str, key: UUID) -> strawberry.ID:
    return strawberry.ID(base64.urlsafe_b64encode(type_name.encode() + b":" + key.bytes).decode().rstrip("="))


def read_global_id(value: str) -> tuple[str, UUID]:
    """The type and key in a global id. Raises BAD_USER_INPUT when it is not one of ours."""
    try:
        type_name, _, key = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).partition(b":")
        decoded = type_name.decode("ascii"), UUID(bytes=key)
    except (ValueError, binascii.Error):
        raise bad_user_input("An id is malformed. Send ids as the service gave them.") from None
    if global_id(*decoded) != value:
        raise bad_user_input("An id is malformed. Send ids as the service gave them.")
    return decoded


def key_of(value: str, type_name: str) -> UUID:
    """The key in the global id of a given type. Raises BAD_USER_INPUT for a malformed id or another type's."""
    found, key = read_global_id(value)
    if found != type_name:
        raise bad_user_input(f"An id of type {type_name} is expected here, not of {found}.")
    return key


NodeLoader: TypeAlias = Callable[[RequestContext, Collection[UUID]], Awaitable[Mapping[UUID, Node]]]
"""Gives those of the asked nodes that exist and that the caller may see, in one round trip at most."""

NODE_LOADERS: dict[str, NodeLoader] = {}


def node_loader(type_name: str) -> Callable[[NodeLoader], NodeLoader]:
    """Makes a type reachable by `node(id)` and `nodes(ids)`."""

    def register(loader: NodeLoader) -> NodeLoader:
        if type_name in NODE_LOADERS:
            raise ValueError(f"{type_name} has a loader already")
        NODE_LOADERS[type_name] = loader
        return loader

    return register


KeyPart: TypeAlias = int | str | UUID | datetime | date
First: TypeAlias = Annotated[
    int | None,
    strawberry.argument(description=f"How many items: {DEFAULT_PAGE} if absent, {LARGEST_PAGE} at most."),
]
After: TypeAlias = Annotated[
    str | None, strawberry.argument(description="The cursor after which the page begins, as given by `pageInfo`.")
]


@dataclass(frozen=True, slots=True)
class Page:
    """What to read: `size` rows after the row with key `after` (all None for the first page).

    Ask for `size + 1` rows, so that the connection knows whether more follow.
    """

    size: int
    after: tuple[KeyPart | None, ...]


@dataclass(frozen=True, slots=True)
class Keyset:
    """The order of one list: its name, and the types of the columns that its rows are sorted by.

    The last column makes the key unique. A cursor holds the key; another list's cursor is refused.
    """

    name: str
    types: tuple[type[KeyPart], ...]

    def page(self, first: int | None, after: str | None) -> Page:
        """Raises BAD_USER_INPUT for a size out of range or a cursor that is not this list's."""
        size = DEFAULT_PAGE if first is None else first
        if not 0 <= size <= LARGEST_PAGE:
            raise bad_user_input(f"`first` is from 0 to {LARGEST_PAGE}.")
        return Page(size, (None,) * len(self.types) if after is None else self._read(after))

    def cursor(self, key: tuple[KeyPart, ...]) -> str:
        return base64.urlsafe_b64encode(orjson.dumps([self.name, *key], default=str)).decode().rstrip("=")

    def _read(self, cursor: str) -> tuple[KeyPart, ...]:
        try:
            values = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            if isinstance(values, list) and values[:1] == [self.name]:
                return tuple(_read_part(value, kind) for value, kind in zip(values[1:], self.types, strict=True))
        except (ValueError, OverflowError, binascii.Error):
            # The second where the first or last year of all ends up in another one.
            pass
        raise bad_user_input("The cursor is not one of this list's. Send cursors as the service gave them.")


def _read_part(value: object, kind: type[KeyPart]) -> KeyPart:
    if kind is int and type(value) is int:
        return value
    if isinstance(value, str):
        if kind is str and "\0" not in value:
            return value
        if kind is UUID:
            return UUID(value)
        if kind is datetime:
            return _read_moment(value)
        if kind is date:
            return date.fromisoformat(value)
    raise ValueError(f"{kind} is expected in the cursor")


def _read_moment(value: str) -> datetime:
    """In UTC, so that it can be compared with every row's, in memory and by the database."""
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("a moment with its offset is expected in the cursor")
    return moment.astimezone(UTC)


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether items follow this page.")
    has_previous_page: bool = strawberry.field(description="Whether the page began after a cursor.")
    start_cursor: str | None = strawberry.field(description="Cursor of the first item; null on an empty page.")
    end_cursor: str | None = strawberry.field(description="Cursor of the last item; send it as `after` for more.")


Item = TypeVar("Item")
Row = TypeVar("Row")


@strawberry.type(description="An item and its place in the list.")
class Edge(Generic[Item]):
    node: Item = strawberry.field(description="The item.")
    cursor: str = strawberry.field(description="The item's place: a page may begin after it.")


@strawberry.type(description="One page of a list.")
class Connection(Generic[Item]):
    nodes: list[Item] = strawberry.field(description="The items of this page, without their cursors.")
    page_info: PageInfo = strawberry.field(description="Where this page lies in the list.")
    cursor_at: strawberry.Private[Callable[[int], str]]

    @field(description="The items of this page with their cursors.")
    def edges(self) -> list[Edge[Item]]:
        # Made only when asked for: most documents take `nodes`.
        return [Edge(node=node, cursor=self.cursor_at(place)) for place, node in enumerate(self.nodes)]


def connection(
    rows: Sequence[Row],
    page: Page,
    keyset: Keyset,
    *,
    node: Callable[[Row], Item],
    key: Callable[[Row], tuple[KeyPart, ...]],
) -> Connection[Item]:
    """A page of up to `page.size` rows; one row more than that says that more follow."""
    shown = rows[: page.size]

    def cursor_at(place: int) -> str:
        return keyset.cursor(key(shown[place]))

    return Connection(
        nodes=[node(row) for row in shown],
        page_info=PageInfo(
            has_next_page=len(rows) > page.size,
            has_previous_page=page.after[0] is not None,
            start_cursor=cursor_at(0) if shown else None,
            end_cursor=cursor_at(len(shown) - 1) if shown else None,
        ),
        cursor_at=cursor_at,
    )


def rows_in_memory(rows: Iterable[Row], page: Page, *, key: Callable[[Row], tuple[KeyPart, ...]]) -> list[Row]:
    """What a query would read of a list that is kept in memory: sorted by key, after the cursor, one too many."""
    ordered = sorted(rows, key=key)
    if page.after[0] is not None:
        ordered = [row for row in ordered if key(row) > page.after]
    return ordered[: page.size + 1]
