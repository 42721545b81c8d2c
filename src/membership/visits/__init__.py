"""Visits: appointments at several counters of a store, found, held, booked, moved and cancelled as one.

Owns the tables of schema `visits`. A visit is a row that says whose it is; what is booked are its stops, appointments
of that visit, and they alone say how far it is. Conducts `appointments` (what is free, who is locked, what is written)
and the booking windows of `campaigns` (from when a member's tier may book).

Holds
    A2  a visit that is proposed books: each is put to `appointments.rules.deciding.decide`, as a booking is
    A4  all stops or none, in one transaction; with BEST_EFFORT those that can be had, and the others are named
    A5  a visit that cannot be moved stands as it was

`rules.searching` finds proposals, `rules.explaining` says why there is none, `rules.mending` names the nearest
alternative of a stop that cannot be had, `rules.itinerary` says in which order a member goes where; `proposing`,
`making`, `changing` are the use cases.

Emits visits.made. Everything after that is told of its stops.
"""
