"""Calendars beside a counter that takes appointments.

calendar = await open_calendar_desk(database, conn, keyring)
feed = await calendar.member_feed(member)
content = await calendar.fetch(feed)
"""

from dataclasses import dataclass
from itertools import count

from membership.appointments.model import ResourceId
from membership.calendars.reminding import remind_due
from membership.calendars.service import Calendars, CreatedFeed, associate_owner, member_owner
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.members.keyring import Keyring
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.json import Json, from_json
from membership.postgres.outbox import RELAY
from membership.stores.service import DirectoryCache
from membership.tiers.service import LadderCache
from support.appointment_desk import COUNTER, AppointmentDesk, open_appointment_desk

_keys = count(1)


@dataclass(slots=True)
class CalendarDesk:
    desk: AppointmentDesk
    calendars: Calendars

    def associate(self, counter: str = COUNTER) -> Actor:
        return self.desk.actor(Role.ASSOCIATE, counter)

    async def member_feed(self, member: MembershipKey, *, locale: str = "en", key: str | None = None) -> CreatedFeed:
        owner = member_owner(member.member_id, member.programme_id)
        return await self.calendars.create_feed(
            self.desk.member(member), self.desk.now, owner, locale=locale, key=key or f"feed-{next(_keys)}"
        )

    async def associate_feed(
        self, associate: ResourceId, *, counter: str = COUNTER, locale: str = "en", key: str | None = None
    ) -> CreatedFeed:
        owner = associate_owner(associate, self.desk.counter(counter), self.desk.store.programme_id)
        return await self.calendars.create_feed(
            self.associate(counter), self.desk.now, owner, locale=locale, key=key or f"feed-{next(_keys)}"
        )

    async def fetch(self, feed: CreatedFeed) -> bytes:
        """What its address shows now. An address that leads nowhere fails the test."""
        found = await self.calendars.fetch(feed.token, self.desk.now)
        assert found is not None
        return found.content

    async def leads_somewhere(self, feed: CreatedFeed) -> bool:
        return await self.calendars.fetch(feed.token, self.desk.now) is not None

    async def remind(self) -> int:
        return await remind_due(self.desk.database, RELAY, self.desk.now, limit=100)

    async def reminders(self) -> list[Json]:
        """What messaging was told, in order."""
        rows = await self.desk.conn.fetch(
            "SELECT payload FROM platform.outbox WHERE name = 'calendars.reminder_due' ORDER BY sequence"
        )
        return [from_json(row["payload"]) for row in rows]


async def open_calendar_desk(database: Database, conn: Conn, keyring: Keyring) -> CalendarDesk:
    pool = database.pool
    calendars = Calendars(database, DirectoryCache(pool), LadderCache(pool), keyring, new_id)
    return CalendarDesk(await open_appointment_desk(database, conn), calendars)
