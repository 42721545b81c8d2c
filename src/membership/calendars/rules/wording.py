"""The few words that calendars add to names."""

from collections.abc import Mapping
from dataclasses import dataclass

from membership.calendars.model import EntryStatus, Guest
from membership.kernel.locales import DEFAULT


@dataclass(frozen=True, slots=True)
class Words:
    """Each a pattern of the names in it."""

    calendar: str
    served_by: str
    guest: str
    walk_in: str
    tentative: str
    cancelled: str

    def title(self, what: str, status: EntryStatus) -> str:
        """Said in the title too, as many calendars show no status."""
        match status:
            case EntryStatus.TENTATIVE:
                return self.tentative.format(what)
            case EntryStatus.CANCELLED:
                return self.cancelled.format(what)
            case EntryStatus.CONFIRMED:
                return what


WORDS: Mapping[str, Words] = {
    "en": Words("{}: appointments", "With {}", "Member", "Walk-in", "To be confirmed: {}", "Cancelled: {}"),
    "zh-CN": Words("{}预约", "接待顾问：{}", "会员", "到店顾客", "待确认：{}", "已取消：{}"),
    "ko": Words("{} 예약", "담당자: {}", "회원", "방문 고객", "확인 대기: {}", "취소됨: {}"),
    "ja": Words("{}のご予約", "担当：{}", "会員", "ご来店のお客様", "確認待ち：{}", "キャンセル済み：{}"),
}


def words_in(locale: str) -> Words:
    return WORDS.get(locale, WORDS[DEFAULT])


def guest_text(guest: Guest, words: Words) -> str:
    if guest.walk_in:
        return words.walk_in
    told = [part for part in (guest.name or words.guest, guest.tier) if part]
    return " · ".join(told)
