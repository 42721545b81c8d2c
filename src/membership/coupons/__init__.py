"""Coupons: issue, claim, purchase with points, codes; held at a till, redeemed, reversed, expired.

Owns the tables of schema `coupons`. Laws C1–C5, C10.
"""
