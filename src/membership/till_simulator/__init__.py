"""Tills that sell, to try a service with."""
