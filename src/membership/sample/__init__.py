"""The sample: three invented stores on published figures, and a seeded year of members and receipts.

A room beside `cli`: it may import every slice, and nothing imports it but the command line and the tests.
It owns no tables. It writes those of every slice, in bulk, by the slices' own pure rules, so that the laws
that hold for real sales hold for the sample too (L1, L3, L6, T1, P5).

`data/*.toml` says of every row, or of every field, where it comes from: `published: <source>` or `invented`.
"""
