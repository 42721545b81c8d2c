"""What everything that offers places needs."""

from dataclasses import dataclass

from membership.appointments.service import Admission, horizon_only
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import NewId
from membership.stores.service import DirectoryCache
from membership.tiers.service import LadderCache

WAITLIST = Actor(Role.SERVICE, "waitlist")
"""Whose doing an offer is: of two members who know nothing of each other neither is written down as the other's."""


@dataclass(frozen=True, slots=True)
class WaitlistWorkings:
    directories: DirectoryCache
    ladders: LadderCache
    new_id: NewId
    admission: Admission = horizon_only
