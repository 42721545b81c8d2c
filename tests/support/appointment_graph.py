"""Appointments over GraphQL: the desk of the tests on the services of the schema, and answers taken apart."""

from datetime import datetime

from strawberry.types import ExecutionResult

from membership.appointments.model import Appointment, ResourceId, Service
from membership.graph.kit.relay import global_id
from membership.graph.services import Services
from membership.kernel.actor import Actor
from membership.postgres.connection import Conn
from sample_store import load_world
from support.appointment_desk import AppointmentDesk, new_key
from support.clock import StoppedClock
from support.operations import Run


async def appointment_desk_on(services: Services, conn: Conn, clock: StoppedClock) -> AppointmentDesk:
    """On the services of the schema, whose clock it shares."""
    world = await load_world(conn)
    return AppointmentDesk(services.database, conn, world.chaoyang, services.appointments, clock)


def answer(result: ExecutionResult) -> dict[str, object]:
    """The answer of the only field."""
    assert result.errors is None, result.errors
    assert result.data is not None
    (payload,) = result.data.values()
    assert isinstance(payload, dict)
    return payload


def part(value: object, *path: str) -> dict[str, object]:
    for name in path:
        assert isinstance(value, dict)
        value = value[name]
    assert isinstance(value, dict)
    return value


def rows(value: object, *path: str) -> list[dict[str, object]]:
    for name in path:
        assert isinstance(value, dict)
        value = value[name]
    assert isinstance(value, list)
    return value


def stop(service: Service, starts_at: datetime, associate: ResourceId | None = None) -> dict[str, object]:
    return {
        "serviceId": global_id("Service", service.service_id),
        "startsAt": starts_at.isoformat(),
        "associateId": None if associate is None else global_id("Associate", associate),
    }


def node_id(appointment: Appointment) -> str:
    return global_id("Appointment", appointment.appointment_id)


async def change(run: Run, document: str, caller: Actor, **input_: object) -> dict[str, object]:
    """What a mutation answers, under a key of its own unless one is given."""
    given = {"idempotencyKey": new_key(), **input_}
    return answer(await run(document, {"input": given}, caller=caller))
