"""The typed client of a till.

    from membership.till_client import MemberLookup, Refusal, TillClient

    async with TillClient(url, token) as till:
        found = await till.identify_member(MemberLookup(card_number=scanned))
        print(found.message if isinstance(found, Refusal) else found.tier)

What a till may ask is generated from the documents in graphql/operations/till (`generated`, by `make generate`). How it
is asked is written by hand: trusted documents by id, the same request again after a cut line, faults as exceptions.

Imports nothing of the service, and of others only httpx and pydantic: a vendor may take the folder as it is. For the
same reason its imports are relative.
"""

from .base_client import Attempt
from .base_model import OpenEnum, OtherRefusal, Refusal
from .errors import Busy, ClientTooOld, Fault, NoAnswer, NotAllowed, SignedOut, TillClientError, TillRevoked, Unreadable
from .generated.client import TillClient
from .generated.input_types import (
    AttachSaleInput,
    BasketInput,
    CommitSaleInput,
    ExchangeLinesInput,
    InviteMemberInput,
    MemberLookup,
    QuoteInput,
    QuoteSaleInput,
    ReceiptNumberInput,
    ReturnLineInput,
    ReturnLinesInput,
    SaleLineInput,
    SaleLookup,
    TenderInput,
    VoidSaleInput,
)
from .retrying import ONCE, Retrying

__all__ = [
    "ONCE",
    "AttachSaleInput",
    "Attempt",
    "BasketInput",
    "Busy",
    "ClientTooOld",
    "CommitSaleInput",
    "ExchangeLinesInput",
    "Fault",
    "InviteMemberInput",
    "MemberLookup",
    "NoAnswer",
    "NotAllowed",
    "OpenEnum",
    "OtherRefusal",
    "QuoteInput",
    "QuoteSaleInput",
    "ReceiptNumberInput",
    "Refusal",
    "Retrying",
    "ReturnLineInput",
    "ReturnLinesInput",
    "SaleLineInput",
    "SaleLookup",
    "SignedOut",
    "TenderInput",
    "TillClient",
    "TillClientError",
    "TillRevoked",
    "Unreadable",
    "VoidSaleInput",
]
