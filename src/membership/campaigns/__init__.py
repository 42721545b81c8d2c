"""Campaigns: what a store promises its members, from when to when, and what a basket earns by it.

Owns the tables of schema `campaigns`. A campaign has revisions; what was approved is frozen, its dates resolved in each
store, and every effect names the revision that caused it. Whether a campaign is open is read from the clock: no job has
to fire. PAUSED and ended campaigns issue nothing; what members hold by them stays good (C5).

`content` what a campaign says; `rules.calendar` when it is open; `rules.checking` whether it makes sense;
`rules.states` which step may follow; `service` the steps; `cache` which revisions issue now, without a query; `engine`
basket to awards and discounts (laws C4, C6-C9, L6, P5, T3); `funding` who pays for them; `bookings` who may book its
days from when.

Emits campaigns.created, .submitted, .sent_back, .scheduled, .revised, .paused, .resumed, .ended_early, .cancelled,
.settling, .closed.
"""
