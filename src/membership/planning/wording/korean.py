"""한국어."""

from collections.abc import Mapping

SENTENCES: Mapping[str, str] = {
    # 영수증의 포인트
    "NO_MEMBER": "회원 확인이 없어 포인트가 적립되지 않았습니다. 며칠 안에 추가 등록할 수 있습니다.",
    "BRAND_GIVES_NO_POINTS": "{brand} 브랜드는 포인트가 적립되지 않습니다.",
    "CATEGORY_GIVES_NO_POINTS": "{category} 품목은 포인트가 적립되지 않습니다.",
    "BRAND_DOES_NOT_COUNT_FOR_TIER": "{brand} 구매는 등급 실적에 포함되지 않습니다.",
    "CATEGORY_DOES_NOT_COUNT_FOR_TIER": "{category} 구매는 등급 실적에 포함되지 않습니다.",
    "TENDER_EARNS_IN_PART": "{tender} 결제분은 일부만 인정됩니다.",
    "PAID_WITH_POINTS": "포인트로 결제한 금액에는 포인트가 적립되지 않습니다.",
    "BELOW_ONE_POINT": "금액이 1포인트에 미치지 못했습니다.",
    "TIER_MULTIPLE": "{tier} 등급은 기본보다 많은 포인트가 적립됩니다.",
    "BIRTHDAY_MULTIPLE": "생일 전후 기간이어서 포인트가 더 적립되었습니다.",
    "NOT_NEAR_BIRTHDAY": "생일 전후 기간이 아니었습니다.",
    "BIRTHDAY_UNKNOWN": "생일이 등록되지 않아 생일 포인트가 적립되지 않았습니다.",
    # 행사 규칙과 쿠폰
    "RULE_APPLIES": "‘{rule_names}’ 혜택이 적용됩니다.",
    "NOT_STARTED": "‘{campaign_names}’ 행사는 아직 시작 전이었습니다. 시작: {opens_at}.",
    "ENDED": "‘{campaign_names}’ 행사는 종료되었습니다. 종료: {closes_at}.",
    "PAUSED": "‘{campaign_names}’ 행사는 당시 일시 중지 상태였습니다.",
    "BLACKOUT": "{on}에는 ‘{rule_names}’ 혜택이 제외됩니다.",
    "OUTSIDE_DAILY_WINDOW": "‘{rule_names}’ 혜택은 정해진 시간에만 적용되며, 그 시간이 아니었습니다.",
    "NOT_THIS_DAY": "‘{rule_names}’ 혜택은 {on}에 적용되지 않습니다. 적용일: {days}.",
    "TIER_NOT_ELIGIBLE": "‘{rule_names}’ 혜택은 {tier} 등급에 해당하지 않습니다. 대상: {tiers}.",
    "WRONG_STORE": "‘{rule_names}’ 혜택은 이 점포에서 적용되지 않습니다.",
    "NOTHING_IN_SCOPE": "‘{rule_names}’ 혜택은 구매하신 상품에 해당하지 않습니다. 영수증: {bought}.",
    "BELOW_MINIMUM_SPEND": "‘{rule_names}’ 최소 구매액까지 {missing_minor} 부족했습니다.",
    "MEMBER_CAP_REACHED": "‘{rule_names}’ 1인 최대 포인트에 도달했습니다.",
    "ANOTHER_RULE_GIVES_MORE": "‘{rule_names}’보다 더 큰 혜택이 있어 가장 큰 것만 적용됩니다.",
    "COUPON_APPLIES": "‘{rule_names}’ 쿠폰을 사용하여 {discount_minor} 할인되었습니다.",
    "COUPON_HELD_ELSEWHERE": "‘{rule_names}’ 쿠폰은 당시 다른 계산대에서 사용 중이었습니다.",
    "COUPON_NOT_YET_VALID": "‘{rule_names}’ 쿠폰은 아직 유효하지 않았습니다. 유효 시작: {valid_from}.",
    "COUPON_EXPIRED": "‘{rule_names}’ 쿠폰은 만료되었습니다. 유효 기한: {valid_until}.",
    "COUPON_NOT_USABLE": "‘{rule_names}’ 쿠폰은 이미 사용되었거나 회수되었습니다.",
    "ANOTHER_COUPON_IS_BETTER": "‘{rule_names}’보다 유리한 쿠폰이 있으며 함께 사용할 수 없습니다.",
    "ANOTHER_COUPON_GOES_FIRST": "‘{rule_names}’보다 우선하는 쿠폰이 있으며 함께 사용할 수 없습니다.",
    "AMOUNT_USED_ALREADY": "해당 금액은 이미 다른 혜택에 사용되었으며 한 번만 인정됩니다.",
    "CHOICE_NOT_PROVEN_BEST": "쿠폰이 매우 많아 찾은 조합 중 가장 좋은 것을 적용했습니다.",
    # 영수증의 경과
    "SOLD": "{on} {store_names} 영수증 {number}번: {net_minor}.",
    "EARNED_AT_PLAIN_RATE": "기본 적립 {points}포인트.",
    "EARNED_MULTIPLE": "‘{rule_names}’(기본의 {times_basis_points}배)로 {points}포인트 추가 적립.",
    "EARNED_BONUS": "‘{rule_names}’(으)로 {points}포인트 추가 적립.",
    "EARNED_BY_STANDING_RULE": "프로그램 규정 {rule_code}에 따라 {points}포인트 추가 적립.",
    "POINTS_SPENT": "{points}포인트를 사용했습니다.",
    "SALE_VOIDED": "이 영수증은 당일 취소되어 모두 되돌려졌습니다.",
    "SALE_RETURNED": "이 중 {returned_minor} 반품되었고 해당 포인트는 회수되었습니다.",
    "POSTED_WITH_FAULT": "문제가 있었지만 등록되었습니다: {fault}.",
    # 혜택의 유무
    "NO_SUCH_OFFER_THEN": "당시 행사에는 ‘{rule_names}’ 혜택이 없었습니다.",
    "NOT_APPROVED": "‘{campaign_names}’ 행사는 당시 승인되지 않았습니다.",
    "CANCELLED": "‘{campaign_names}’ 행사는 취소되었습니다.",
    "ENDED_EARLY": "‘{campaign_names}’ 행사는 조기 종료되었습니다.",
    "EARLIER_FOR_TIER": "{tier} 등급은 더 일찍 {opens_at}부터 시작되었습니다.",
    "OFFER_OPEN": "당시 ‘{rule_names}’ 혜택을 이용할 수 있었습니다.",
    # 쿠폰의 경과
    "COUPON_NEVER_ISSUED": "‘{rule_names}’ 쿠폰은 발급된 적이 없습니다.",
    "COUPON_ISSUED": "‘{rule_names}’ 쿠폰은 {issued_at} 발급되었으며 {valid_until}까지 유효합니다.",
    "COUPON_RESERVED": "{held_until}까지 계산대에서 사용 중입니다.",
    "COUPON_REDEEMED": "{redeemed_at} 사용되었습니다.",
    "COUPON_GIVEN_BACK": "구매가 반품되어 쿠폰도 반환되었습니다.",
    "COUPON_VOIDED": "{voided_at} 회수되었습니다.",
    "COUPONS_ALL_TAKEN": "‘{rule_names}’ 쿠폰 {units}장이 모두 소진되었습니다.",
    "COUPON_NOT_SHOWN": "계산 시 ‘{rule_names}’ 쿠폰 사용을 요청하지 않았습니다.",
    "COUPON_WAS_USABLE": "‘{rule_names}’ 쿠폰은 당시 사용할 수 있었습니다.",
    # 사은품의 경과
    "GIFT_NOT_DROPPED": "‘{rule_names}’ 신청은 {drops_at}부터입니다.",
    "GIFT_DAY_OVER": "{on} ‘{rule_names}’ 신청은 {closes_at}까지였습니다.",
    "SOLD_OUT": "{on} ‘{rule_names}’ {units}개가 모두 소진되었습니다. 마지막: {sold_out_at}.",
    "ALL_HELD": "‘{rule_names}’ 남은 수량은 당시 모두 다른 회원이 신청 중이었습니다.",
    "MEMBER_LIMIT_DAY": "당일 이미 ‘{rule_names}’ 사은품을 받으셨습니다. 1인 하루 {limit}개입니다.",
    "MEMBER_LIMIT_CAMPAIGN": "‘{rule_names}’ 사은품을 {had}개 받으셨습니다. 행사 기간 1인 {limit}개입니다.",
    "BELOW_THRESHOLD": "당일 구매액이 {missing_minor} 부족했습니다. ‘{rule_names}’ 기준: {minimum_minor}.",
    "THRESHOLD_REACHED": "당일 구매액 {spent_minor}(으)로 ‘{rule_names}’ 기준을 충족합니다.",
    "GIFT_AVAILABLE": "‘{rule_names}’ 신청이 가능했습니다. {units}개 중 {left}개가 남아 있었습니다.",
    "GIFT_NEVER_CLAIMED": "‘{rule_names}’ 사은품을 신청하지 않으셨습니다.",
    "GIFT_CLAIMED": "{claimed_at} ‘{rule_names}’ 사은품을 신청하셨습니다. 수령 기한: {collect_until}.",
    "GIFT_READY": "{at} 준비되었습니다.",
    "GIFT_COLLECTED": "{at} 전달되었습니다.",
    "GIFT_FORFEITED": "기한 내에 수령하지 않아 {at} 회수되었습니다.",
    "GIFT_CANCELLED_BY_MEMBER": "{at} 회원이 포기했습니다.",
    "GIFT_CANCELLED_BY_RETURN": "해당 구매가 반품되어 {at} 취소되었습니다.",
    "GIFT_CLAWBACK_DUE": "반품으로 당일 구매액이 기준에 미달하여 {at}부터 반납 대상입니다.",
    "GIFT_COVERED_AGAIN": "{at} 당일 구매액이 다시 기준을 충족하여 그대로 보유하실 수 있습니다.",
    "GIFT_BROUGHT_BACK": "{at} 반납되었습니다.",
    "GIFT_WAIVED": "{at} 회원 센터에서 보유를 허용했습니다.",
    # 예측의 전제
    "RECORDED_FACTS": "각 영수증을 기록된 사실(당시 쿠폰, 포인트, 등급)로 다시 계산합니다.",
    "DAYS_STAND_FOR_THEMSELVES": "과거의 각 날짜는 그 자신에 대응합니다.",
    "DAYS_PAIRED_IN_ORDER": "과거 행사의 k번째 날이 초안의 k번째 날에 대응합니다.",
    "DAYS_PAIRED_BY_WEEKDAY": "과거의 각 날짜는 초안에서 요일이 같은 날에 대응합니다.",
    "FIRST_DAYS_PAIRED": "{past_day}은 {draft_day}에 대응하고, 이후 날짜는 하루씩 차례로 대응합니다.",
    "DAYS_UNUSED": "과거 {days}일은 초안의 어느 날에도 대응하지 않아 제외합니다.",
    "DAYS_WITHOUT_RECEIPTS": "초안의 {days}일은 대응하는 과거 날짜가 없어 구매가 없는 것으로 봅니다.",
    "SAME_SHOPPING": "회원은 당시와 같은 시각에 같은 상품을 구매하며 초안으로 인한 추가 방문은 없다고 봅니다.",
    "TERMS_OF_THE_RECEIPT": "적립률, 등급, 생일은 영수증 시점의 것입니다.",
    "OTHER_CAMPAIGNS_LEFT_OUT": "당시와 현재의 다른 행사는 고려하지 않습니다.",
    "VOIDED_LEFT_OUT": "취소된 영수증은 제외합니다.",
    "RETURNS_NOT_FORESEEN": "반품은 고려하지 않으며, 이후 반품된 포인트, 할인, 사은품도 포함합니다.",
    "TIERS_OF_TODAY": (
        "대상 회원 수와 과거 신청자의 등급은 오늘의 등급으로 계산하므로, 가입이나 등급 변경이 있은 뒤에는 "
        "결과가 다를 수 있습니다."
    ),
    "VIRTUAL_WALLETS": (
        "회원은 자기 등급의 시작 시점(또는 등급 도달 시점)부터 초안의 쿠폰을 보유하고, 처음 적용되는 영수증에서 "
        "사용하는 것으로 봅니다."
    ),
    "COUPON_TAKE_UP": "신청이나 교환이 필요한 쿠폰은 대상 회원의 {percent}%가 받으며 대상은 추첨으로 정합니다.",
    "CODES_NOT_FORESEEN": "코드 쿠폰은 예측하지 않습니다. 누구에게 갈지 알 수 없기 때문입니다.",
    "PAYMENT_SCALED": "쿠폰으로 결제액이 달라지면 결제 수단은 비율대로 조정합니다.",
    "ARRIVALS_LEARNED": (
        "신청 양상은 종료된 행사의 배포 {drops}회, 신청 {claims}건에서 추정: 대상 회원의 {rush_percent}%가 시작을 "
        "기다리며 평균 {rush_delay_seconds}초 지연; {later_percent}%는 10분 이후 평균 {later_delay_minutes}분 지연; "
        "비율은 등급별로 다릅니다."
    ),
    "ARRIVALS_BY_DEFAULT": (
        "참고할 과거 배포가 없어 가정: 대상 회원의 {rush_percent}%가 시작을 기다리며 평균 {rush_delay_seconds}초 "
        "지연; {later_percent}%는 10분 이후 평균 {later_delay_minutes}분 지연."
    ),
    "GIFTS_AT_THE_THRESHOLD": "기준 금액에 도달한 회원은 바로 신청하며 수령처는 추첨으로 정합니다.",
    "GIFT_LIMIT_IN_EXPECTATION": "1인 한도에 도달한 회원 수는 기대값으로 계산합니다.",
    "GIFTS_NOT_RETURNED": "신청된 사은품은 모두 수령되고 되돌아오지 않는 것으로 봅니다.",
    "POINTS_VALUED": "포인트 비용은 사용 가치로 계산: {block_points}포인트당 {value_minor}, 일부 등급은 그 이상.",
    "POINTS_WITHOUT_VALUE": "이 프로그램에서는 포인트를 사용할 수 없어 비용에 포함하지 않습니다.",
    "BRAND_SHARE_OF_GIFTS": "사은품의 브랜드 부담분은 해당 매출의 브랜드별로 나누거나 수령처 브랜드가 부담합니다.",
}
