"""Decorators for resolvers: `field` and `subscription` where nothing can be refused, `query` and `mutation` where
something can.

A resolver returns its payload and raises refusals; the decorators make the result union from its return
annotation and its refusals. A refusal that was not declared is a bug and ends as a masked error.
"""

import functools
import typing
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias, cast

import strawberry
from strawberry.types.field import StrawberryField
from strawberry.types.union import StrawberryUnion

from membership.graph.kit.context import Info
from membership.graph.kit.errors import as_refusal, result_union
from membership.kernel.errors import DomainError

Resolver: TypeAlias = Callable[..., object]
AsyncResolver: TypeAlias = Callable[..., Awaitable[object]]


def field(
    *,
    description: str,
    deprecated: str | None = None,
    graphql_type: object = None,
    directives: Sequence[object] = (),
) -> Callable[[Resolver], StrawberryField]:
    """A field with a resolver. `deprecated` gives the reason and the date of removal, `graphql_type` a type that was
    made at run time and that an annotation cannot name, `directives` what it costs where that is unusual (kit.cost).

    Row fields are plain attributes instead: `name: str = strawberry.field(description=…)`.
    """

    def decorate(resolver: Resolver) -> StrawberryField:
        made = strawberry.field(
            resolver=resolver,
            description=description,
            deprecation_reason=deprecated,
            graphql_type=graphql_type,
            directives=directives,
        )
        return cast(StrawberryField, made)

    return decorate


def subscription(*, description: str, directives: Sequence[object] = ()) -> Callable[[Resolver], StrawberryField]:
    """A field of Subscription: an async generator. Its context is made when it begins, so `context.now` stands still:
    what needs the present asks `context.services.clock`."""

    def decorate(resolver: Resolver) -> StrawberryField:
        made = strawberry.subscription(resolver=resolver, description=description, directives=directives)
        return cast(StrawberryField, made)

    return decorate


def query(
    *refusals: type[DomainError], description: str, directives: Sequence[object] = ()
) -> Callable[[AsyncResolver], StrawberryField]:
    """A query field that answers with its payload or with one of `refusals`."""

    def decorate(resolver: AsyncResolver) -> StrawberryField:
        union = _result_of(resolver, refusals)
        answer = _answering(resolver, refusals)
        made = strawberry.field(resolver=answer, graphql_type=union, description=description, directives=directives)
        return cast(StrawberryField, made)

    return decorate


def mutation(
    *refusals: type[DomainError], description: str, directives: Sequence[object] = ()
) -> Callable[[AsyncResolver], StrawberryField]:
    """A mutation field: `commit_sale(…) -> CommitSalePayload` becomes `commitSale: CommitSaleResult!`."""

    def decorate(resolver: AsyncResolver) -> StrawberryField:
        union = _result_of(resolver, refusals)
        answer = _answering(resolver, refusals)
        made = strawberry.mutation(resolver=answer, graphql_type=union, description=description, directives=directives)
        return _described_input(cast(StrawberryField, made))

    return decorate


def _described_input(made: StrawberryField) -> StrawberryField:
    """Every mutation takes one `input`, of a type that describes itself."""
    for argument in made.arguments:
        if argument.python_name == "input" and argument.description is None:
            argument.description = "What to do."
    return made


def _result_of(resolver: AsyncResolver, refusals: tuple[type[DomainError], ...]) -> StrawberryUnion:
    first, *others = resolver.__name__.split("_")
    rest = "".join(word.capitalize() for word in others)
    return result_union(
        f"{first.capitalize()}{rest}Result",
        typing.get_type_hints(resolver, include_extras=True)["return"],
        refusals=refusals,
        description=f"What `{first}{rest}` answers: its payload, or why it was refused.",
    )


def _answering(resolver: AsyncResolver, refusals: tuple[type[DomainError], ...]) -> AsyncResolver:
    @functools.wraps(resolver)
    async def answer(*arguments: object, **named: object) -> object:
        try:
            return await resolver(*arguments, **named)
        except refusals as refusal:
            _note(refusal, named.get("info"))
            return as_refusal(refusal)

    return answer


def _note(refusal: DomainError, info: object) -> None:
    """For logs and metrics. `info` as strawberry hands it to resolvers that take it, as all of the service's do."""
    if isinstance(info, strawberry.Info):
        cast(Info, info).context.refusals.append(refusal.code)
