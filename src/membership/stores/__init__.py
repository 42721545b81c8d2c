"""Programmes, stores, floors, brands, counters, categories, tender types, tills, and the business day.

Owns the tables of schema `stores`. Configuration changes rarely and is read by every sale, so it is read
through `service.Directory`, a snapshot that each process keeps and refreshes. What becomes of a
revoked till and of what it sold: `tills`.
"""
