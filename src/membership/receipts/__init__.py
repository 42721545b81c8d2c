"""Quotes, sales, lines, tenders and returns as the tills reported them, a member's net spend per business day, and
which amounts coupons and gifts have used up per exclusive group (amounts.py).

Owns the tables of schema `receipts`. Invariants P2, P7, C6, and the inputs of T1–T3. Emits no events of its own: the
journeys that conduct it (tills, accounts) do.
"""
