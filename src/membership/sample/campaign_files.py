"""The campaigns that come with the sample, as files that a planner imports.

An import knows nothing of marks, so here the origin of each table's figures stands in a comment above it.
"""

from functools import cache
from importlib.resources import files

from membership.campaigns.content import CampaignContent
from membership.campaigns.files import read

CAMPAIGN_FILES = ("anniversary-2026", "anniversary-2025", "anniversary-hangang-2026", "halfterm-2026")


def campaign_text(name: str) -> str:
    """A campaign's file as it is imported."""
    return (files("membership.sample") / "data" / "campaigns" / f"{name}.toml").read_text(encoding="utf-8")


@cache
def campaign_content(name: str, year: int | None = None) -> CampaignContent:
    """What a file says, in its own year or in another one."""
    return read(campaign_text(name), year=year)
