"""What the generated models are made of."""

from enum import StrEnum
from typing import Self

from pydantic import BaseModel as PydanticModel
from pydantic import ConfigDict


class UnsetType:
    """Of an argument that is left out of the request, unlike one that is sent as null."""

    def __bool__(self) -> bool:
        return False


UNSET = UnsetType()


class OpenEnum(StrEnum):
    """A value that is newer than this client is taken as it is: a till need not be updated for it."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = member._value_ = value
        return member


class BaseModel(PydanticModel):
    """Python names or the API's; a field that is newer than this client is passed over."""

    model_config = ConfigDict(populate_by_name=True, extra="ignore", frozen=True)


class Refusal(BaseModel):
    """What the business refuses: `code` to match on, `message` for the cashier, with the way out."""

    code: str
    message: str
    field: str | None


class OtherRefusal(Refusal):
    """A refusal that is newer than this client."""
