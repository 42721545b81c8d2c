"""What must always hold, proved on a live database: `membership check`.

Owns no table and writes nothing. A reader above all slices: each law is a row of a table (`laws`), an SQL query of
`sql/queries/checks.sql` that names what drifts, or a fold over a batch with the slice's own rules (`folds`).

Walks every table by its key, a stretch at a time. Each stretch is read in one short snapshot of its own, so that
memory stays bounded, no lock is taken, and no snapshot lasts long enough to hold back PostgreSQL's vacuum. What a law
compares lies in one stretch: writers beside it change nothing of what it finds.

Where to look: `model` what a law and a finding are; `laws` what is proved, by area; `walking` the stretches; `folds`
laws in Python; `structure` triggers, constraints, walls and migrations; `service` all of it.
"""
