"""Planning: what a campaign would bring and cost (simulate), and why something did or did not apply (explain).

A journey: reads receipts, campaigns, coupons, gifts and inventory across the ladder, and writes nothing of theirs. Owns
the table planning.simulations: what was asked, how far it is, and the forecast.

Holds: a campaign on its own past days gives exactly what was recorded, since its receipts are decided again on
their recorded facts (P5); a draft is decided by the engine itself, on virtual wallets and caps counted anew. What a
forecast takes for granted is told with it.

Where to look, to simulate: `service` ask and run; `drafting` which revision, which days; `running` the receipts in
batches; `replay`, `wallets`, `entitled` one member's receipts; `arrivals`, `learning`, `pools` when a gift is sold out;
`costing` who pays; `forecasting`, `assuming` the answer.

To explain: `explaining` who may ask; `cases`, `evidence` what is recorded; `verdicts` the slices' own rules on it;
`sale_story`, `offer_story` which reasons follow; `why` the reasons; `wording` their sentences, language by language.

Emits nothing.
"""
