"""Live inventory: pools of units that many contest at once. Redis decides, PostgreSQL records.

Owns the tables of schema `inventory`. Laws I1–I9.
"""
