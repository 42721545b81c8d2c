"""Members: their identities, their memberships of programmes, invitations to join, consents, profile.

Owns the tables of schema `members`. A row of `members.memberships` is the lock of that member in that programme:
whoever changes a member's cards, points, receipts or tier locks it first, several by member id
(`store.lock_memberships`).

Holds: an identity belongs to one member (`identities_lookup_key`), and is stored as a keyed hash beside an
encrypted value, never in the clear; consents are append-only; a till invites but never opts anybody in;
a merged member keeps a pointer to the one who took over.

Emits members.identity_added, members.identity_removed, members.profile_changed,
members.consent_recorded; the journeys of accounts emit members.enrolled and members.merged.
"""
