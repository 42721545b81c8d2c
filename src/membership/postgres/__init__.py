"""PostgreSQL: the pool and its transactions, named queries, migrations, idempotency, outbox, audit trail.

Owns the tables of schema `platform`.
"""
