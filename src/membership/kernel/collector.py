"""The garbage collector of a process that serves: as little of it as possible in the way of a request."""

import gc


def settle() -> None:
    """Call it when everything is there that stays for good: schema, documents, queries.

    Looking through that for garbage again and again cost 6 % of all CPU, and now and then a request 30 ms. What comes
    after dies young, nearly all of it without the collector: the oldest generation, whose rounds grow with what is kept
    meanwhile, is looked through a hundred times less often than by default, the younger ones in rounds of some
    milliseconds.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(2_000, 10, 200)


def unsettle() -> None:
    """As before, for a process that does something else afterwards."""
    gc.unfreeze()
    gc.set_threshold(700, 10, 10)
