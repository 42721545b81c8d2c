"""The journeys of an account: a shopper joins, two accounts of one person become one, a forgotten receipt is credited.

Owns no tables. Conducts members, cards, points, receipts and tiers in one transaction each. Locks are taken in the
order people (members.members) by id, then memberships by id, then anything else of theirs.

Holds: joining makes member, membership, virtual card, code seed and points account together or not at all; an
identity belongs to one member; a merge loses no point (TRANSFER pairs), no purchase day, no card and no code, and of
merge(A, B) beside merge(B, A) exactly one takes place.

Emits members.enrolled, members.merged.
"""
