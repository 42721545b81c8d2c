"""Ladders of tiers, and each member's standing on one: qualified for, granted, reviewed, rescinded.

Owns the tables of schema `tiers`, and the view `tiers.records`, which gives a member's standing, live grants and
step-downs as one document for queries of higher slices.

A tier is a fold over net spend by business date, grants, reviews and ladder revisions. `standings` keeps its result
in the transaction that changed one of them.

Holds: T1 the arrival order of facts changes nothing; T2 more spend never lowers a tier; T3 criteria on spend read no
points and criteria on points read no spend; T4 a review takes one step down at most; T5 no more members hold a ranked
tier by rank than its cap allows. A step down needs a warning that gave full notice, except where a rank is lost to
somebody else: the cap wins.

Emits tiers.granted, tiers.rescinded, tiers.warned, tiers.kept, tiers.stepped_down.
"""
