"""Members who wait for a place with a service, and the places that are offered to them.

Owns the tables of schema `waitlist`. An offer is a HELD appointment: what is held for one member is free for nobody
else, so that of one freed place there is one live offer (A8). The offer ends a little before the hold does: in between
the worker hands the place on to the next member, and nobody sees it free.

    WAITING → OFFERED → ACCEPTED | DECLINED | LAPSED ; WAITING → WITHDRAWN | LAPSED

Whose turn it is: by the tier of that moment, then by when they joined, then by id.

A place is offered in two ways. Whoever gives a confirmed appointment back offers its time in the same transaction
(`Offering.offer_freed`), before anybody else can see it; the member whose turn it is is locked then only if nobody
holds them. And the worker looks at every day of a service that is waited for: at once when an event says that
something came free, otherwise every half minute (`passing`), for what is free by the clock or by a planner's hand.

Locks are taken in the order: member, the offers' appointments by id, resources by id, groups by service and day. A hold
that lapses is ended by whoever books its resources, who then waits for these; so nobody waits for an appointment with
resources in hand: all that is over is ended first, and only then offered. Groups are locked last, by one statement.

Emits waitlist.joined, .offered, .accepted, .declined, .lapsed, .withdrawn.
"""
