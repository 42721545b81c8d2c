"""Appointments in the calendars that people already use, and reminders of them.

Owns the tables of schema `calendars`: feeds (who may read which appointments by a secret address) and reminders (what
was told, once each). What is shown is read anew each time; no calendar is stored.

Holds
    A7   one UID through every rescheduling, and SEQUENCE as the appointment has it: a calendar that keeps of each UID
         what has the highest SEQUENCE ends with exactly the appointments that stand. A superseded one is never shown.
         A cancelled one is, for `rules.showing.KEPT_CANCELLED`, so that calendars take it out.

A feed's address holds 256 secret bits, made again from the feed's id by a hash key for whoever repeats the request,
and stored as a SHA-256 only. Whoever has the address reads the feed until a new one is created or it is revoked; it
tells no more than the appointments of one member, or those of one associate, without anybody's full name. How often it
is fetched is not limited: two indexed statements answer, and what has not changed is not sent again (304).

A reminder tells a member of what they booked: a message of the service, not of marketing, so no consent to marketing is
asked for, and no quiet hours delay what is about to begin. Who sends it may still choose the channel.

Locks: a feed is created under the lock of its member, or of the associate as a resource. Reminders lock appointments
that nobody holds and never wait.

Emits calendars.reminder_due.
"""
