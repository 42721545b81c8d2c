"""Refusals about stores and tills."""

from dataclasses import dataclass

from membership.kernel.errors import DomainError


@dataclass(eq=False)
class UnknownProgramme(DomainError):
    """No such programme, or none that the caller works for."""

    code = "UNKNOWN_PROGRAMME"
    field = "programme"
    programme: str

    @property
    def message(self) -> str:
        return f"There is no programme {self.programme} that you work for. Check its code."


@dataclass(eq=False)
class UnknownStore(DomainError):
    """No such store."""

    code = "UNKNOWN_STORE"
    field = "store"
    store: str

    @property
    def message(self) -> str:
        return f"There is no store {self.store}. Check the store's code or id."


@dataclass(eq=False)
class UnknownTill(DomainError):
    """No such till in service: it does not exist or was revoked."""

    code = "UNKNOWN_TILL"
    till: str

    @property
    def message(self) -> str:
        return f"Till {self.till} is not in service. Ask the store's administrator to register it again."
