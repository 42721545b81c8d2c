"""The engine: what a basket earns, and why.

Today it reads a programme's standing rules (tier and birthday multiples); campaigns with calendars, coupons
and gifts are decided here too once they exist. Owns no tables yet. Laws L6, P5, T3.
"""
