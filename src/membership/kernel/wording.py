"""How refusals write moments and amounts, so that a cashier, member or planner reads them alike everywhere."""

from datetime import datetime, timedelta, tzinfo


def local_moment(moment: datetime, zone: tzinfo) -> str:
    """A moment as a fact of a refusal: an instant that programs read, by the clock of the place it is about."""
    return moment.astimezone(zone).isoformat(timespec="minutes")


def moment_text(fact: str) -> str:
    """Such a fact in a message: 2026-11-14 10:00 (+08:00)."""
    moment = datetime.fromisoformat(fact)
    offset = moment.utcoffset()
    if offset is None:
        raise ValueError("a moment without its offset could be anywhere")
    sign, minutes = "-" if offset < timedelta(0) else "+", abs(offset) // timedelta(minutes=1)
    return f"{moment:%Y-%m-%d %H:%M} ({sign}{minutes // 60:02}:{minutes % 60:02})"


def amount_text(minor: int, currency: str, exponent: int) -> str:
    """CNY 20,000.00 of 2000000 minor units, of which a hundred (10 to the exponent) are one."""
    whole, part = divmod(abs(minor), 10**exponent)
    sign, decimals = "-" if minor < 0 else "", f".{part:0{exponent}}" if exponent else ""
    return f"{currency} {sign}{whole:,}{decimals}"
