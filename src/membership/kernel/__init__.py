"""The few things every room shares: the clock, ids, exact shares of amounts, actors and refusals.

Only this package reads a clock or makes randomness; everywhere else both are arguments.
"""
