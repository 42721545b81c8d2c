"""Services at counters, who and what serves them, free slots, and appointments.

Owns the tables of schema `appointments`. A service occupies one resource of each kind that it needs (an associate who
is skilled and at work, a room, one of N places), with buffers, and the member, without them: preparing a room is not
the member's time.

Holds
    A1, A3, A9   `occupied_once`: of one resource (a place and the member are resources too) no two live ranges overlap
    A2, A6       `rules.slots.slots` is what listing shows and what booking chooses from, by wall-clock hours
    A4, A5       all stops, or the new appointment and the end of the old one, are one transaction
    A7           one UID through every rescheduling, SEQUENCE rises with it and with a cancellation
    A10          a hold ends by the clock: it is not counted once it has lapsed, and whoever books clears it

Locks are taken in the order: member, what has lapsed by id, resources by id; then rows are written. `locking` says why
no two wait in a circle.

Emits appointments.pending, .confirmed, .declined, .cancelled, .late_cancelled, .superseded, .checked_in, .in_service,
.completed, .no_show, .expired. A hold is no event: the clock ends it. That it has is one, told when it is written down.
"""
