"""Planning: what a campaign would have cost (simulate), and why something did or did not apply (explain).

A journey: reads receipts, campaigns, coupons and gifts, and writes nothing of theirs.
"""
