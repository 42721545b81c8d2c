"""What tills sell, and to whom: from a file that `membership dev` writes, or from arguments."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Shelf(_Part):
    """What one counter sells, and between which prices."""

    counter: str | None
    categories: tuple[str, ...] = Field(min_length=1)
    cheapest_minor: int = Field(ge=1)
    dearest_minor: int = Field(ge=1)


class TillPlace(_Part):
    """A till: its code as receipts print it, empty where nobody knows it; its bearer token; and the counter where it
    stands; a central cashier stands at none."""

    code: str
    token: str = Field(repr=False)
    counter: str | None = None


class Shop(_Part):
    """One store. `cards`: of members who shop here."""

    store: str
    currency: str
    minor_unit_exponent: int = 2
    tills: tuple[TillPlace, ...] = Field(min_length=1)
    shelves: tuple[Shelf, ...] = Field(min_length=1)
    tenders: tuple[str, ...] = Field(min_length=1)
    cards: tuple[str, ...] = ()

    def shelves_of(self, till: TillPlace) -> tuple[Shelf, ...]:
        """A till at a counter sells its own things, a central cashier those of all."""
        return tuple(shelf for shelf in self.shelves if till.counter in (None, shelf.counter)) or self.shelves

    def amount(self, minor: int) -> str:
        """`CNY 2,999.00`."""
        return f"{self.currency} {minor / 10**self.minor_unit_exponent:,.{self.minor_unit_exponent}f}"


def read_shop(file: Path) -> Shop:
    """Raises OSError, or ValueError for a file that is not a shop's."""
    return Shop.model_validate_json(file.read_bytes())
