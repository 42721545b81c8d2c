"""The sample: three invented stores on published figures, and a seeded year of members and receipts.

A room beside `cli`: it may import every slice, and nothing imports it but the command line and the tests.
It owns no tables. It writes those of every slice, in bulk, by the slices' own pure rules, so that the laws
that hold for real sales hold for the sample too (L1, L3, L6, T1, P5, C1, C2, C4, C6, C8, C10, I1–I5, A1, A3,
A5–A7, A9).

Last year's anniversary (`anniversary`) is lived through like everything else: `part` is one membership in it, with
`wallets` and `presents`; `memory` and `stock` are what members share; `arrivals` is how they come for the daily gift.

`offered` is what counters offer by appointment, `rota` who works when, `diary` what is taken; `booker` is one member
who books, `stories` what becomes of it, `shown_bookings` what is there for a demonstration.

`data/*.toml` says of every row, or of every field, where it comes from: `published: <source>` or `invented`.
"""
