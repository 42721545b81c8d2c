"""日本語。"""

from collections.abc import Mapping

SENTENCES: Mapping[str, str] = {
    # レシートのポイント
    "NO_MEMBER": "会員の提示がなかったため、ポイントは付いていません。数日以内であれば後から登録できます。",
    "BRAND_GIVES_NO_POINTS": "{brand}はポイントの対象外です。",
    "CATEGORY_GIVES_NO_POINTS": "{category}はポイントの対象外です。",
    "BRAND_DOES_NOT_COUNT_FOR_TIER": "{brand}のお買上げは会員ランクに算入されません。",
    "CATEGORY_DOES_NOT_COUNT_FOR_TIER": "{category}のお買上げは会員ランクに算入されません。",
    "TENDER_EARNS_IN_PART": "{tender}でのお支払い分は一部のみ対象です。",
    "PAID_WITH_POINTS": "ポイントでのお支払い分にはポイントが付きません。",
    "BELOW_ONE_POINT": "金額が1ポイントに満たないためです。",
    "TIER_MULTIPLE": "{tier}会員は基本より多くのポイントが付きます。",
    "BIRTHDAY_MULTIPLE": "お誕生日の前後のため、ポイントが増えました。",
    "NOT_NEAR_BIRTHDAY": "お誕生日の前後ではありませんでした。",
    "BIRTHDAY_UNKNOWN": "お誕生日が登録されていないため、誕生日ポイントは付いていません。",
    # キャンペーンのルールとクーポン
    "RULE_APPLIES": "「{rule_names}」が適用されます。",
    "NOT_STARTED": "「{campaign_names}」はまだ始まっていませんでした。開始は{opens_at}です。",
    "ENDED": "「{campaign_names}」は終了していました。終了は{closes_at}です。",
    "PAUSED": "「{campaign_names}」はその時点で一時停止中でした。",
    "BLACKOUT": "{on}は「{rule_names}」の対象外の日です。",
    "OUTSIDE_DAILY_WINDOW": "「{rule_names}」は決まった時間帯のみ有効で、その時間外でした。",
    "NOT_THIS_DAY": "「{rule_names}」は{on}には適用されません。対象日は{days}です。",
    "TIER_NOT_ELIGIBLE": "「{rule_names}」は{tier}会員の方は対象外です。対象は{tiers}です。",
    "WRONG_STORE": "「{rule_names}」はこの店舗では適用されません。",
    "NOTHING_IN_SCOPE": "「{rule_names}」はお買上げの品の対象外です。レシートは{bought}です。",
    "BELOW_MINIMUM_SPEND": "「{rule_names}」の最低お買上げ額まで{missing_minor}不足していました。",
    "MEMBER_CAP_REACHED": "「{rule_names}」のお一人様の上限ポイントに達しています。",
    "ANOTHER_RULE_GIVES_MORE": "「{rule_names}」より多い特典があり、最も多いものだけが適用されます。",
    "COUPON_APPLIES": "「{rule_names}」を使用し、{discount_minor}引きになりました。",
    "COUPON_HELD_ELSEWHERE": "クーポン「{rule_names}」はその時、別のレジで使用中でした。",
    "COUPON_NOT_YET_VALID": "クーポン「{rule_names}」はまだ有効ではありませんでした。{valid_from}から有効です。",
    "COUPON_EXPIRED": "クーポン「{rule_names}」は期限切れでした。有効期限は{valid_until}です。",
    "COUPON_NOT_USABLE": "クーポン「{rule_names}」は使用済み、または取り消されていました。",
    "ANOTHER_COUPON_IS_BETTER": "「{rule_names}」よりお得なクーポンがあり、併用はできません。",
    "ANOTHER_COUPON_GOES_FIRST": "「{rule_names}」より優先されるクーポンがあり、併用はできません。",
    "AMOUNT_USED_ALREADY": "その金額は別の特典に使われており、一度しか数えられません。",
    "CHOICE_NOT_PROVEN_BEST": "クーポンが多数のため、見つかった最良の組合せを適用しました。",
    # レシートの経過
    "SOLD": "{on} {store_names} レシート番号{number}：{net_minor}。",
    "EARNED_AT_PLAIN_RATE": "基本ポイント{points}。",
    "EARNED_MULTIPLE": "「{rule_names}」（基本の{times_basis_points}倍）により{points}ポイント追加。",
    "EARNED_BONUS": "「{rule_names}」により{points}ポイント追加。",
    "EARNED_BY_STANDING_RULE": "プログラムの規定{rule_code}により{points}ポイント追加。",
    "POINTS_SPENT": "{points}ポイントを使用しました。",
    "SALE_VOIDED": "このレシートは当日取り消され、すべて元に戻されました。",
    "SALE_RETURNED": "このうち{returned_minor}が返品され、その分のポイントは差し引かれました。",
    "POSTED_WITH_FAULT": "問題がありましたが記録されました：{fault}。",
    # 特典の有無
    "NO_SUCH_OFFER_THEN": "「{rule_names}」はその時点のキャンペーンにはありませんでした。",
    "NOT_APPROVED": "「{campaign_names}」はその時点で承認されていませんでした。",
    "CANCELLED": "「{campaign_names}」は中止されました。",
    "ENDED_EARLY": "「{campaign_names}」は早期終了しました。",
    "EARLIER_FOR_TIER": "{tier}会員は早く、{opens_at}から始まりました。",
    "OFFER_OPEN": "「{rule_names}」はその時ご利用いただけました。",
    # クーポンの経過
    "COUPON_NEVER_ISSUED": "クーポン「{rule_names}」は発行されていません。",
    "COUPON_ISSUED": "クーポン「{rule_names}」は{issued_at}に発行され、{valid_until}まで有効です。",
    "COUPON_RESERVED": "{held_until}までレジで確保されています。",
    "COUPON_REDEEMED": "{redeemed_at}に使用されました。",
    "COUPON_GIVEN_BACK": "返品に伴い、クーポンも戻りました。",
    "COUPON_VOIDED": "{voided_at}に取り消されました。",
    "COUPONS_ALL_TAKEN": "クーポン「{rule_names}」{units}枚はすべて配布済みです。",
    "COUPON_NOT_SHOWN": "レジでクーポン「{rule_names}」の使用が指定されませんでした。",
    "COUPON_WAS_USABLE": "クーポン「{rule_names}」はその時使用できました。",
    # ギフトの経過
    "GIFT_NOT_DROPPED": "「{rule_names}」は{drops_at}から受付です。",
    "GIFT_DAY_OVER": "{on}の「{rule_names}」の受付は{closes_at}まででした。",
    "SOLD_OUT": "{on}の「{rule_names}」{units}個はすべて終了しました。最後は{sold_out_at}です。",
    "ALL_HELD": "「{rule_names}」の残りはその時すべて他の方が手続き中でした。",
    "MEMBER_LIMIT_DAY": "当日すでに「{rule_names}」をお受け取りです。お一人様1日{limit}個までです。",
    "MEMBER_LIMIT_CAMPAIGN": "「{rule_names}」を{had}個お受け取りです。期間中お一人様{limit}個までです。",
    "BELOW_THRESHOLD": "当日のお買上げが{missing_minor}不足していました。「{rule_names}」は{minimum_minor}からです。",
    "THRESHOLD_REACHED": "当日のお買上げ{spent_minor}で「{rule_names}」の条件を満たしています。",
    "GIFT_AVAILABLE": "「{rule_names}」は受付可能で、{units}個のうち{left}個残っていました。",
    "GIFT_NEVER_CLAIMED": "「{rule_names}」のお申込みはありませんでした。",
    "GIFT_CLAIMED": "{claimed_at}に「{rule_names}」をお申込みになりました。お受け取り期限：{collect_until}。",
    "GIFT_READY": "{at}に用意できました。",
    "GIFT_COLLECTED": "{at}にお渡ししました。",
    "GIFT_FORFEITED": "期限内にお受け取りがなく、{at}に戻されました。",
    "GIFT_CANCELLED_BY_MEMBER": "{at}にお客様が辞退されました。",
    "GIFT_CANCELLED_BY_RETURN": "対象のお買上げが返品されたため、{at}に取り消されました。",
    "GIFT_CLAWBACK_DUE": "返品により当日のお買上げが条件を下回り、{at}以降ご返却が必要です。",
    "GIFT_COVERED_AGAIN": "{at}に当日のお買上げが再び条件を満たし、そのままお持ちいただけます。",
    "GIFT_BROUGHT_BACK": "{at}に返却されました。",
    "GIFT_WAIVED": "{at}に会員センターがそのままお持ちいただくことを認めました。",
    # 予測の前提
    "RECORDED_FACTS": "各レシートを記録された事実（当時のクーポン、ポイント、ランク）で再計算します。",
    "DAYS_STAND_FOR_THEMSELVES": "過去の各日はその日自身に対応します。",
    "DAYS_PAIRED_IN_ORDER": "過去のキャンペーンのk日目が案のk日目に対応します。",
    "DAYS_PAIRED_BY_WEEKDAY": "過去の各日は案の同じ曜日の日に対応します。",
    "FIRST_DAYS_PAIRED": "{past_day}は{draft_day}に対応し、以後の日は一日ずつ順に対応します。",
    "DAYS_UNUSED": "過去の{days}日は案のどの日にも対応せず、除外します。",
    "DAYS_WITHOUT_RECEIPTS": "案の{days}日には対応する過去日がなく、お買上げなしとします。",
    "SAME_SHOPPING": "会員は当時と同じ時刻に同じ品を買い、案による新たな来店はないものとします。",
    "TERMS_OF_THE_RECEIPT": "ポイント率、ランク、誕生日はレシートの時点のものです。",
    "OTHER_CAMPAIGNS_LEFT_OUT": "当時と現在の他のキャンペーンは考慮しません。",
    "VOIDED_LEFT_OUT": "取消レシートは除外します。",
    "RETURNS_NOT_FORESEEN": "返品は考慮せず、後に返品された分のポイント、割引、ギフトも含みます。",
    "TIERS_OF_TODAY": (
        "対象会員数と過去の申込者のランクは本日のランクで数えます：入会やランクの変更の後では結果が異なることが"
        "あります。"
    ),
    "VIRTUAL_WALLETS": (
        "会員は自分のランクの開始時（またはランク到達時）から案のクーポンを持ち、最初に適用されるレシートで使うものと"
        "します。"
    ),
    "COUPON_TAKE_UP": "申込みや交換が必要なクーポンは対象会員の{percent}％が取得し、誰かは抽選で決めます。",
    "CODES_NOT_FORESEEN": "コードによるクーポンは予測しません。誰に届くか分からないためです。",
    "PAYMENT_SCALED": "クーポンで支払額が変わる場合、支払手段は比例配分します。",
    "ARRIVALS_LEARNED": (
        "申込みの動きは終了したキャンペーンの配布{drops}回、申込み{claims}件から推定：対象会員の{rush_percent}％が開始を待ち、平均{"
        "rush_delay_seconds}秒遅れ；{later_percent}％は10分後以降に平均{later_delay_minutes}分遅れで申込み；割合はラ"
        "ンクにより異なります。"
    ),
    "ARRIVALS_BY_DEFAULT": (
        "参考となる過去の配布がないため仮定：対象会員の{rush_percent}％が開始を待ち、平均{rush_delay_seconds}秒遅れ；"
        "{later_percent}％は10分後以降に平均{later_delay_minutes}分遅れで申込み。"
    ),
    "GIFTS_AT_THE_THRESHOLD": "条件額に達した会員はすぐに申込み、受取場所は抽選で決めます。",
    "GIFT_LIMIT_IN_EXPECTATION": "お一人様の上限に達した会員数は期待値で計算します。",
    "GIFTS_NOT_RETURNED": "申込まれたギフトはすべて受け取られ、戻らないものとします。",
    "POINTS_VALUED": "ポイントの費用は使用時の価値：{block_points}ポイントで{value_minor}、ランクによりそれ以上。",
    "POINTS_WITHOUT_VALUE": "このプログラムではポイントを使えないため、費用に含めません。",
    "BRAND_SHARE_OF_GIFTS": (
        "ギフトのブランド負担分は、対象売上のブランドで按分するか、受取場所のブランドが負担します。"
    ),
}
