"""A sale, as the till tells it: identify, quote, commit, void, return, exchange.

A journey: conducts cards, points, receipts and tiers in one transaction, under the member's lock. Owns no tables;
its one query reads the facts a decision needs. Invariants P1–P8, L4, L5. Events: sales.committed, sales.voided,
sales.returned.

A use case decides first (rules.py, campaigns.engine) and writes afterwards; what it answers is stored with the
receipt, so that a repeat is told the same.
"""
