"""Who is among the best spenders of the last period whose benefits have begun, as the sample's history has it."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta

from membership.members.model import MemberId
from membership.sample.history import History
from membership.sample.place import Place
from membership.sample.standings import Rank
from membership.stores.model import ProgrammeId
from membership.tiers.model import RankCap, Tier
from membership.tiers.rules.periods import last_rank_period, rank_benefit
from membership.tiers.rules.ranking import Contender, best_of

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Contest:
    """One ranked tier's latest period, from `starts_on` until before `ends_on`."""

    place: Place
    tier: Tier
    cap: RankCap
    starts_on: date
    ends_on: date

    @property
    def benefit(self) -> tuple[date, date]:
        return rank_benefit(self.cap, self.ends_on - _DAY)

    def contender(self, history: History) -> Contender | None:
        """The member, if they spent enough to be ranked."""
        days = [day for day in history.standings.days if self.starts_on <= day.business_date < self.ends_on]
        spend_minor = sum(day.tier_minor for day in days)
        if spend_minor < self.cap.minimum_spend_minor:
            return None
        attained_on = max(day.business_date for day in days if day.tier_minor)
        return Contender(history.membership.member_id, spend_minor, attained_on)


class Contests:
    """Gathers contenders while histories are made, and then ranks them."""

    def __init__(self, places: list[Place], today: date) -> None:
        self.by_programme: dict[ProgrammeId, Contest] = {
            place.programme.programme_id: Contest(place, tier, tier.rank_cap, *last_rank_period(tier.rank_cap, today))
            for place in places
            for tier in place.ladders[-1].ladder.tiers
            if tier.rank_cap is not None
        }
        self._contenders: defaultdict[ProgrammeId, list[Contender]] = defaultdict(list)

    def enter(self, history: History) -> bool:
        """Whether the member contends for a rank, which is decided when all contenders are known."""
        programme_id = history.membership.programme_id
        contest = self.by_programme.get(programme_id)
        contender = contest.contender(history) if contest else None
        if contender is not None:
            self._contenders[programme_id].append(contender)
        return contender is not None

    def ranks(self, programme_id: ProgrammeId) -> dict[MemberId, Rank]:
        contest = self.by_programme.get(programme_id)
        if contest is None:
            return {}
        best = best_of(
            self._contenders[programme_id],
            contest.cap,
            period_starts_on=contest.starts_on,
            period_ends_on=contest.ends_on,
        )
        starts_on, _ = contest.benefit
        return {member_id: Rank(contest.tier, contest.cap, basis, starts_on) for member_id, basis in best.items()}
