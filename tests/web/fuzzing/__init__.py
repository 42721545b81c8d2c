"""Nonsense by the thousand, the same in every run: what it is made of, how it is sent, and what no answer may be."""
