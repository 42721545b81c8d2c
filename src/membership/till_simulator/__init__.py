"""Tills that sell, to show a service, to put load on it and to prove that no sale is lost or doubled.

A client like any other: it knows an address, tokens, cards and shelves (shop.py), and nothing of the database. What it
was told it keeps in a book of its own (book.py), which in the end is compared with what the service says (proof.py).

Owns no tables. Talks through `till_client`, which it also serves to try.
"""
