"""Every operation passes here, whatever transport it came by: its document, its caller, its errors.

One extension with one hook: each further hook or extension would cost every request.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, cast

from graphql import DocumentNode, GraphQLError, NameNode, OperationDefinitionNode
from strawberry.extensions import SchemaExtension
from strawberry.types import ExecutionContext
from strawberry.types.graphql import OperationType

from membership.graph.kit.context import RequestContext
from membership.graph.operations.cost import cost_limit, too_costly
from membership.graph.operations.documents import NO_DOCUMENT, Document
from membership.graph.operations.faults import FaultCode, fault, present
from membership.graph.operations.variables import fault_of_variables
from membership.graph.permissions import Access
from membership.kernel.actor import Actor

if TYPE_CHECKING:
    from membership.graph.schema import MembershipSchema


class Gate(SchemaExtension):
    def on_operation(self) -> Iterator[None]:
        execution = self.execution_context
        context = cast(RequestContext, execution.context)
        schema = cast("MembershipSchema", execution.schema)
        document = schema.documents.find(
            (execution.operation_extensions or {}).get("documentId"),
            execution.query,
            partial(_may_run, context.caller),
        )
        name = execution._provided_operation_name
        errors = document.errors or _refusal(document, name, context.caller)
        if not errors and (wrong := fault_of_variables(execution.variables)):
            errors = (wrong,)
        if not errors:
            cost = execution.extensions_results["cost"] = _cost(document, name, execution.variables, context.caller)
            errors = (too_costly(cost),) if cost["requested"] > cost["limit"] else ()
        # The engine looks for the operation before it looks at errors: give it one of that name.
        execution.graphql_document = _stand_in(name) if errors else document.node
        # Found already, so the engine must not validate again.
        execution.pre_execution_errors = list(errors)
        # For the log: a name that the document has, not whatever somebody sent in its place.
        context.operation = name if name is not None and name in document.access else document.name
        if not errors:
            context.is_subscription = execution.operation_type is OperationType.SUBSCRIPTION
            _tell_trace(execution, context)
            context.time_limits.start(context.time_limit, execution.operation_type, context.caller)
        yield
        result = execution.result
        if result is not None and result.errors:
            result.errors = present(result.errors, correlation_id=context.correlation_id)


def _tell_trace(execution: ExecutionContext, context: RequestContext) -> None:
    """The name only where it is a trusted document's: others are whatever somebody wrote."""
    kind = execution.operation_type.value
    name = context.operation if "documentId" in (execution.operation_extensions or {}) else None
    context.traced.tell(
        {
            "graphql.operation.type": kind,
            "graphql.operation.name": name,
            "membership.caller.role": context.caller.role.value if context.caller else None,
        },
        name=kind if name is None else f"{kind} {name}",
    )


def _refusal(document: Document, name: str | None, caller: Actor | None) -> tuple[GraphQLError, ...]:
    """Why this caller may not run that operation; nothing where they may."""
    access = document.access.get(name)
    if access is None:
        wanted = f"no operation {name}" if name else "more than one operation: name one with `operationName`"
        return (fault(FaultCode.OPERATION_NOT_FOUND, f"The document has {wanted}."),)
    return () if _may_run(caller, access) else (_not_allowed(access, caller),)


def _may_run(caller: Actor | None, access: Access) -> bool:
    return access.is_public or (caller is not None and caller.role in access.roles)


def _not_allowed(access: Access, caller: Actor | None) -> GraphQLError:
    if caller is None:
        return fault(FaultCode.UNAUTHENTICATED, "Send a bearer token in the Authorization header.")
    return fault(FaultCode.FORBIDDEN, f"The role {caller.role.value} may not use {access.refused_field(caller.role)}.")


def _cost(
    document: Document, name: str | None, variables: Mapping[str, object] | None, caller: Actor | None
) -> Mapping[str, int]:
    """As clients see it: with every answer of what was run, and with each event of a subscription, which costs anew."""
    return {"requested": document.prices[name].cost(variables), "limit": cost_limit(caller)}


def _stand_in(name: str | None) -> DocumentNode:
    if name is None:
        return NO_DOCUMENT
    anything = cast(OperationDefinitionNode, NO_DOCUMENT.definitions[0])
    named = OperationDefinitionNode(
        operation=anything.operation, name=NameNode(value=name), selection_set=anything.selection_set
    )
    return DocumentNode(definitions=(named,))
