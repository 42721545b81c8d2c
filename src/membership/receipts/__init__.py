"""Quotes, sales, lines, tenders and returns as the tills reported them, and a member's net spend per business day.

Owns the tables of schema `receipts`. Invariants P2, P7, and the inputs of T1–T3. Emits no events of its own: the
journeys that conduct it (tills, accounts) do.
"""
