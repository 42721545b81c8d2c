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
    """No such till in service where the caller works: it does not exist, is another store's, or was revoked."""

    code = "UNKNOWN_TILL"
    till: str

    @property
    def message(self) -> str:
        return f"Till {self.till} is not one in service here. Call the store's service desk, which looks after tills."


@dataclass(eq=False)
class TillAlreadyRevoked(DomainError):
    """The till is out of service already."""

    code = "TILL_ALREADY_REVOKED"
    field = "tillId"
    till: str

    @property
    def message(self) -> str:
        return f"Till {self.till} is out of service already. An administrator can put it back into service."


@dataclass(eq=False)
class TillInService(DomainError):
    """The till was not revoked."""

    code = "TILL_IN_SERVICE"
    field = "tillId"
    till: str

    @property
    def message(self) -> str:
        return f"Till {self.till} is in service: there is nothing to put back."
