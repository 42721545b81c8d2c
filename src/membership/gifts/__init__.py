"""Gifts: claimed from live inventory, collected at a desk, forfeited, clawed back after a return.

Owns the tables of schema `gifts`. Law C6 for thresholds; I4 by way of `inventory`.
"""
