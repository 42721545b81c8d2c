"""What can be booked and who serves it, as each process knows it: names and rules without a query per row."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from membership.appointments import store
from membership.appointments.model import Appointment, Resource, ResourceId, ResourceKind, Service, ServiceId
from membership.kernel.remembering import Remembered
from membership.postgres.connection import Pool
from membership.postgres.snapshot import snapshot
from membership.stores.model import CounterId


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every service and resource that there ever was: appointments outlive them. `offered`: what can be booked;
    `serving`: who and what serves still."""

    services: Mapping[ServiceId, Service]
    resources: Mapping[ResourceId, Resource]
    offered: frozenset[ServiceId]
    serving: frozenset[ResourceId]

    def service(self, service_id: ServiceId) -> Service:
        return self.services[service_id]

    def resource(self, resource_id: ResourceId) -> Resource:
        return self.resources[resource_id]

    def offered_at(self, counter_ids: Collection[CounterId]) -> list[Service]:
        """By code."""
        wanted = frozenset(counter_ids)
        found = (self.services[service_id] for service_id in self.offered)
        return sorted(
            (service for service in found if service.counter_id in wanted),
            key=lambda service: (service.code, service.service_id),
        )

    def find_associate(self, counter_id: CounterId, subject: str) -> Resource | None:
        """The associate behind a token: their code is the token's subject."""
        return next(
            (
                entry
                for entry in self.resources.values()
                if entry.kind is ResourceKind.ASSOCIATE
                and (entry.counter_id, entry.code) == (counter_id, subject)
                and entry.resource_id in self.serving
            ),
            None,
        )

    def names(
        self,
        appointments: Collection[Appointment],
        *,
        service_ids: Collection[ServiceId] = (),
        resource_ids: Collection[ResourceId] = (),
    ) -> bool:
        """Whether it knows what these appointments are about, and these services and resources."""
        services = {*service_ids, *(entry.service_id for entry in appointments)}
        associates = {entry.associate_id for entry in appointments if entry.associate_id is not None}
        return services <= self.services.keys() and associates.union(resource_ids) <= self.resources.keys()


class CatalogueCache:
    """Gives a catalogue at most `max_age` old, for reading only: what is free is decided by what the tables say.
    Callers that find it stale wait for one shared reload."""

    def __init__(self, pool: Pool, *, max_age: timedelta = timedelta(seconds=10)) -> None:
        self._pool = pool
        self._remembered: Remembered[Catalogue] = Remembered(max_age)

    async def catalogue(
        self,
        now: datetime,
        appointments: Collection[Appointment] = (),
        *,
        service_ids: Collection[ServiceId] = (),
        resource_ids: Collection[ResourceId] = (),
    ) -> Catalogue:
        """One that knows what these appointments are about, and these services and resources, even if one of them was
        set up a moment ago."""
        known = await self._remembered.value(now, self._read)
        if known.names(appointments, service_ids=service_ids, resource_ids=resource_ids):
            return known
        return await self.reload(now)

    async def reload(self, now: datetime) -> Catalogue:
        """Read it now, whatever its age: after a change that this process made itself."""
        return await self._remembered.renew(now, self._read)

    async def _read(self) -> Catalogue:
        async with snapshot(self._pool) as conn:
            # Resources last: whatever serves a service that was seen is among them.
            services, offered = await store.load_services(conn)
            resources, serving = await store.load_resources(conn)
        return Catalogue(services, resources, offered, serving)
