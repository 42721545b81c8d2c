"""What all rules of a campaign share, and the rules that earn points or open a diary."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from membership.campaigns.content.days import DailyWindow, DayRule
from membership.campaigns.content.words import Code, Codes, Document, MostPoints, Names, WallTime


class Funding(Document):
    """Who pays: the mall and the brands of the lines concerned. The shares sum to 10,000 basis points."""

    mall_basis_points: int = Field(ge=0, le=10_000)
    """The mall's share."""
    brand_basis_points: int = Field(ge=0, le=10_000)
    """The share of the brands."""


class Scope(Document):
    """For whom and on what a rule holds, by codes. An empty list sets no limit; excluded codes win over included."""

    tiers: Codes = ()
    """Tiers whose members it is for."""
    excluded_tiers: Codes = ()
    """Tiers whose members it is not for."""
    stores: Codes = ()
    """Stores of the campaign in which it holds."""
    floors: Codes = ()
    """Floors on whose counters it holds."""
    excluded_floors: Codes = ()
    """Floors on whose counters it does not."""
    brands: Codes = ()
    """Brands that take part."""
    excluded_brands: Codes = ()
    """Brands that do not."""
    categories: Codes = ()
    """Categories of goods it holds for."""
    excluded_categories: Codes = ()
    """Categories of goods it does not hold for."""
    counters: Codes = ()
    """Counters that take part."""
    excluded_counters: Codes = ()
    """Counters that do not."""


class RuleBase(Document):
    """What every rule has."""

    code: Code
    """Names the rule within its campaign; receipts, ledger and reasons say it."""
    names: Names
    """What members and staff read, by locale."""
    funding: Funding
    """Who pays for it."""
    scope: Scope = Scope()
    """For whom and on what it holds."""
    days: tuple[DayRule, ...] = ()
    """The days of the campaign on which it holds, such as a brand day; all of them if empty."""
    daily_window: DailyWindow | None = None
    """The hours of each day in which it holds; all of them if absent."""


class Multiple(Document):
    """Points at a multiple of the base rate."""

    kind: Literal["MULTIPLE"] = "MULTIPLE"
    basis_points: int = Field(gt=10_000, le=1_000_000)
    """The multiple in basis points: 100,000 are 10 times the base rate."""


class BonusPoints(Document):
    """So many points once the spend in scope reaches a minimum."""

    kind: Literal["BONUS"] = "BONUS"
    points: int = Field(ge=1, le=10_000_000)
    """How many points."""
    minimum_spend_minor: int = Field(ge=1, le=10**12)
    """The spend in scope that a receipt needs."""
    per_amount: bool = False
    """Whether the points are given once for each such amount."""


EarnEffect = Annotated[Multiple | BonusPoints, Field(discriminator="kind")]


class EarnStacking(StrEnum):
    """ADD: on top of all else. HIGHEST: of all rules that say so, a line gets the one that gives it most."""

    ADD = "ADD"
    HIGHEST = "HIGHEST"


class EarnRule(RuleBase):
    """More points, on some lines, for some members."""

    kind: Literal["EARN"] = "EARN"
    effect: EarnEffect
    """What it gives."""
    stacking: EarnStacking = EarnStacking.ADD
    """How it goes together with other earn rules."""
    cap_points_per_member_day: MostPoints | None = None
    """The most points a member gets by it on a business day; no limit if absent."""
    cap_points_per_member: MostPoints | None = None
    """The most points a member gets by it in all; no limit if absent."""


class BookingOpening(Document):
    """From when these tiers may book."""

    tiers: Codes = ()
    """Codes of the tiers; every tier if empty."""
    days_before: int = Field(ge=0, le=366)
    """How many days before the campaign's first day."""
    at: WallTime
    """At which time of that day, on the store's clock."""


class BookingWindow(RuleBase):
    """Who may book visits of the campaign from when; the earliest opening of a member's tier counts."""

    kind: Literal["BOOKING"] = "BOOKING"
    openings: tuple[BookingOpening, ...] = Field(min_length=1)
    """The openings."""
