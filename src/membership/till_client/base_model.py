"""What the generated models are made of."""

from enum import StrEnum
from typing import Self

from pydantic import BaseModel as PydanticModel
from pydantic import ConfigDict, model_validator


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

    model_config = ConfigDict(populate_by_name=True, extra="ignore", frozen=True, hide_input_in_errors=True)


class Input(BaseModel):
    """What is sent. A misspelt field would be a sale without its member: it is refused here."""

    model_config = ConfigDict(extra="forbid")


class OneOfInput(Input):
    """Exactly one of its fields is given, and not as None."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1 or self.model_fields_set != set(given):
            names = ", ".join(type(self).model_fields)
            raise ValueError(f"give exactly one of {names}, and leave the others out")
        return self


class Refusal(BaseModel):
    """What the business refuses: `code` to match on, `message` for the cashier, with the way out."""

    code: str
    message: str
    field: str | None


class OtherRefusal(Refusal):
    """A refusal that is newer than this client."""
