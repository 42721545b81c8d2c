"""Which fields come with their object: whoever reaches it may see them, because the object was found for them.

A decision for each, so that a new field is nobody's until somebody has thought about it: a field goes here, or gets a
row in `permissions` where not everybody may see it who reaches the object. A test names each that is in neither.

Not listed are the facts of refusals, which are about the request that they refuse, and what Relay makes of every list
(connections, edges, pages).
"""

from collections.abc import Mapping

CARRIED: Mapping[str, str] = {
    "AbandonQuotePayload": "quoteId",
    "AcceptWaitlistOfferPayload": "entry",
    "AddIdentityPayload": "member",
    "AdjustmentPayload": "adjustment",
    "AmountOff": "amountMinor kind",
    "AppliedCoupon": "couponId discount lines rule",
    "Appointment": (
        "answerUntil associate bookedAt changedAt counter endsAt floor freeCancellationUntil heldUntil id "
        "isCancellationLate noShowFrom replacesId sequence service startsAt state uid visitId"
    ),
    "AppointmentChange": "after appointmentId at before by startsAt",
    "AppointmentStepPayload": "appointment",
    "AppointmentStoryPayload": "changes",
    "AppointmentTies": "appointmentId coupons gifts",
    "ArrivalWave": "beginsAfterSeconds meanDelaySeconds participationBasisPoints participationByTier",
    "Arrivals": "learnedFrom pastClaims pastDrops waves",
    "Associate": "id name",
    "AssociateDay": "appointments associate counter day gaps shifts",
    "AttachSalePayload": "lines member pointsEarned reasons saleId",
    "AuditChange": "after before name",
    "AuditRecord": "action actor at changes correlationId id memberId origin role subjectId subjectKind",
    "AvailabilityPayload": "days services slots",
    "Birthday": "day month year",
    "BlockCardPayload": "card",
    "BoardAppointment": "appointment coupons guest room",
    "BoardGuest": "giftWaits missed name tier",
    "BonusPoints": "kind minimumSpendMinor perAmount points",
    "BookAppointmentPayload": "appointment",
    "BookWalkInPayload": "appointment",
    "BookingOpening": "at daysBefore tiers",
    "BookingResource": "code id kind name names serviceIds serving",
    "BookingResourcesPayload": "resources",
    "BookingRule": "code dailyWindow days funding kind names openings scope",
    "BoughtWithPoints": "kind points",
    "Brand": "activationLevel code countsForTier earnsPoints id name",
    "CalendarFeed": "createdAt id revokedAt",
    "CalendarFile": "fileName mediaType text",
    "Campaign": "closesAt code createdAt createdBy draft id inForce name opensAt phase revisions state stateChanges",
    "CampaignCalendar": "blackout closesAt dailyWindow firstDay lastDay opensAt previews year",
    "CampaignContent": "calendar names rules stackingGroups stores",
    "CampaignDates": "stores",
    "CampaignDay": "day kind",
    "CampaignPayload": "campaign",
    "CampaignRevision": (
        "approvedBy content createdAt createdBy document id number resolvedDates rule scheduledAt status "
        "submittedAt submittedBy version"
    ),
    "CampaignStateChange": "at by fromState reason toState",
    "CancelAppointmentPayload": "appointment wasLate",
    "CancelGiftPayload": "gift",
    "Card": "blockedReason changedAt id issuedAt kind lastDigits replacedById status",
    "Category": "code countsForTier earnsPoints id name spendPerPoint",
    "ChangeVisitPayload": "visit",
    "ClaimGiftPayload": "gift",
    "ClaimedInApp": "dropTime kind",
    "CloseCardPayload": "card",
    "CollectGiftPayload": "gift",
    "CommitSalePayload": (
        "businessDate coupons discount exceptions lines member net pointsEarned pointsRedeemed reasons saleId sequence"
    ),
    "ConfirmAppointmentsPayload": "appointments",
    "ConfirmSpendingPayload": "expiresAt mostPoints storeId",
    "Consent": "brandId granted programmeId purpose recordedAt source",
    "Counter": "brand code floor id store",
    "CounterBoard": "appointments counter day shifts",
    "CounterShiftsPayload": "shifts",
    "Coupon": "channel heldUntil id issuedAt notNow number saleId state terms validFrom validUntil",
    "CouponIssueProgress": "changedAt finishedAt issued lookedAt members nextAt offer offerId quota state",
    "CouponLineShare": "discount lineNo",
    "CouponOfferView": "channel closesAt limitPerMember mayHave offerId opensAt price taken terms whyNot",
    "CouponPayload": "coupon",
    "CouponRule": (
        "blackout code dailyWindow days exclusiveGroup face funding issue kind limitPerMember "
        "minimumSpendMinor names priority quota quotaPerDay scope stackingGroup validity"
    ),
    "CouponScope": (
        "brands categories counters excludedBrands excludedCategories excludedCounters excludedFloors "
        "excludedTiers floors stores tiers"
    ),
    "CouponTerms": "face minimumSpend name rule scope",
    "CouponValidity": "daysFromIssue",
    "CouponValue": "amount basisPoints most",
    "CreateCalendarFeedPayload": "feed path",
    "DailyWindow": "endsAt startsAt",
    "DayHours": "closesAt day opensAt",
    "DaysAfter": "days kind",
    "DeclineWaitlistOfferPayload": "entry",
    "EarnRule": (
        "capPointsPerMember capPointsPerMemberDay code dailyWindow days effect funding kind names scope stacking"
    ),
    "EarningReason": "amount couponId lineNo points reason rule",
    "EndTierGrantPayload": "grant",
    "EnrolPayload": "card memberId membership",
    "FindGiftPayload": "gift",
    "Floor": "code id name",
    "Forecast": (
        "anonymousReceipts arrivals assumptions basePoints basePointsWorth bonusPoints cost costs "
        "couponsIssued couponsRedeemed days differingReceipts discount giftsClaimed giftsWanted mapping "
        "members net pools receipts recorded rules"
    ),
    "ForecastOfDay": "basePoints bonusPoints couponsRedeemed day discount giftsClaimed members net pastDays receipts",
    "ForecastOfPool": "claimed day opensAt pool rule soldOutAfterSeconds soldOutAt store units wanted",
    "ForecastOfRule": "costs couponsIssued couponsRedeemed discount giftsClaimed giftsWanted kind name points rule",
    "FreeSlot": "associateIds day endsAt placesLeft serviceId startsAt",
    "Funding": "brandBasisPoints mallBasisPoints",
    "GenerateCouponCodesPayload": "batchId count file",
    "Gift": (
        "cause claimedAt collectUntil collectedAt day desk endedAt homeDesk id name offer readyAt state "
        "storeName waitsForVisitUntil"
    ),
    "GiftCollection": "daysAfter until visitDaysAfter",
    "GiftOffersPayload": "pools",
    "GiftPool": (
        "closesAt collectUntil day desk dropsAt level limitPerMember limitPerMemberDay mayClaim minimumSpend "
        "name offer per poolId tiers whyNot"
    ),
    "GiftPoolFigures": "code day desk level name offer poolId states",
    "GiftPoolsPayload": "pools",
    "GiftRule": (
        "code collection dailyWindow days dropTime exclusiveGroup funding kind limitPerMember "
        "limitPerMemberDay names pools returnedUnits scope threshold unitCostMinor"
    ),
    "GiftRulePool": "code desk tiers unitsPerDay",
    "GiftStateCount": "gifts state",
    "GiftsAtDeskPayload": "gifts",
    "GiftsToCollectPayload": "gifts",
    "GrantTierPayload": "grant",
    "GuestPayload": "appointments guest memberId",
    "HoldAppointmentPayload": "appointment",
    "Identity": "addedAt id kind masked verifiedAt",
    "ImportCouponCodesPayload": "batchId count",
    "InviteMemberPayload": "expiresAt token",
    "IssueCardPayload": "card",
    "IssuedByCode": "kind",
    "JoinWaitlistPayload": "entry",
    "Ladder": "effectiveFrom noticeDays revision tiers",
    "LineEarning": "discount lineNo points tierSpend",
    "LocalisedName": "locale name",
    "MakeVisitPayload": "missing visit",
    "MarkGiftReadyPayload": "gift",
    "Member": "cards id joinedAt maskedName memberships mergedIntoId status",
    "MemberCode": "changesAt digits",
    "MemberHome": "card displayName enrolledAt entries points storeName tier",
    "MemberNumbers": "available balance debt pending tier tierChanged",
    "Membership": "enrolledAt homeStore id memberId programme",
    "MergeMembersPayload": "loserId winnerId",
    "Money": "amountMinor currency formatted",
    "Node": "id",
    "NotedException": "amount because code couponId points",
    "NthWeekday": "kind month nth weekday",
    "OfferExplanation": "applies at campaign reasons revision rule store",
    "OnDate": "date kind",
    "OnWeekday": "kind weekday",
    "OwnCard": "id kind number status",
    "PayerCosts": "discounts gifts payer points total",
    "PercentOff": "basisPoints kind mostMinor",
    "PointsAdjustment": "decidedAt decidedBy decisionReason id memberId points reason requestedAt requestedBy state",
    "PointsBalance": "available balance held lifetimeEarned owed pending",
    "PointsEntry": "businessDate id kind occurredAt points saleId",
    "PointsMultiple": "basisPoints kind",
    "Programme": "brands categories code currency id minorUnitExponent name stores",
    "ProposedStop": (
        "appointmentId associate associateId endsAt place service serviceId startsAt waitingMinutes walkingMinutes"
    ),
    "QuoteSalePayload": (
        "cardStatus coupons discount due expiresAt ladderRevision lines member points pointsValue quoteId "
        "reasons termsRevision"
    ),
    "RecognisedMember": "available by cardStatus maskedName memberId membershipId tier",
    "RecordConsentPayload": "membership",
    "RecordedFigures": "basePoints bonusPoints couponsRedeemed discount",
    "Refusal": "code field message",
    "ReinstateTillPayload": "till",
    "RemoveIdentityPayload": "member",
    "RenewQuotePayload": "expiresAt quoteId",
    "ReplaceCardPayload": "card replacedCardId",
    "RescheduleAppointmentPayload": "appointment",
    "ResourceSetupPayload": "resource unserved",
    "ReturnPayload": (
        "amount couponIds discount exchangedFor kind member pointsClawedBack pointsGivenBack pointsShortfall "
        "refund returnId saleId"
    ),
    "RevokeCalendarFeedPayload": "feed",
    "RevokeTillPayload": "till",
    "RuleScope": (
        "brands categories counters excludedBrands excludedCategories excludedCounters excludedFloors "
        "excludedTiers floors stores tiers"
    ),
    "RunTierReviewPayload": "kept lookedAt steppedDown warned",
    "Sale": "businessDate discount id lines net pointsRedeemed returned sequence soldAt state storeName till",
    "SaleExplanation": "discount isReproduced points reasons saleId",
    "SaleLine": "category counter description discount lineNo net points quantity returned returnedQuantity",
    "Service": (
        "afterMinutes answerMinutes associates beforeMinutes brand capacity code counter durationMinutes "
        "everyMinutes floor freeCancellationMinutes horizonDays id mustBeAccepted name needsAssociate "
        "needsRoom noShowMinutes noticeMinutes offered"
    ),
    "ServiceDay": "closesAt day freeSlots opensAt serviceId whyNot",
    "ServiceHours": "exceptions weekdays",
    "ServiceSetup": "associateIds hours names noShowDays noShowLimit offerMinutes reminderMinutes roomIds",
    "ServiceSetupPayload": "service unserved",
    "SetShiftsPayload": "associate shifts unserved",
    "SimulateCampaignPayload": "simulation",
    "Simulation": (
        "campaign failure finishedAt forecast id periodFirst periodLast progressPercent requestedAt "
        "requestedBy revision state"
    ),
    "SpendThreshold": "minimumSpendMinor per",
    "StackingGroup": "code policy",
    "StatedAssumption": "code text",
    "StatedReason": "code couponId lineNo rule text",
    "StockLevel": "available poolId soldOut total",
    "Store": "code counters cutover floors id name programme zone",
    "StoreDates": "blackout closesAt days offerBlackout opensAt previews ruleDays store",
    "TakeBackGiftPayload": "gift",
    "TieGiftToVisitPayload": "gift",
    "Tier": "code criteria level name rank",
    "TierCriterion": "code grantTime metric minimumVisitDays term threshold window windowDays",
    "TierGrant": "criterion endsOn grantedAt id memberId qualifiedOn rescindedAt rescindedBecause source startsOn tier",
    "TierOpening": "opensAt tier",
    "TierOutlook": "current nextTier projectedOn projectedTier spendToKeepTier spendToNextTier upcoming ways",
    "TierParticipation": "basisPoints tier",
    "TierPreview": "hoursBefore tiers",
    "TierRank": "best minimumSpend period term",
    "TierStanding": "endsOn level name since tier",
    "TierTerm": "beginsDay beginsMonth kind months yearsAfter",
    "TierWay": "criterion lastDay metric minimumVisitDays reached threshold tier visitDays",
    "Till": "id",
    "TimeSpan": "endsAt startsAt",
    "ToAllEligible": "kind",
    "UnavailableStop": "nearest place reason reasonText service",
    "UnblockCardPayload": "card",
    "Unserved": "appointments total",
    "UntieGiftFromVisitPayload": "gift",
    "UpdateProfilePayload": "member",
    "Visit": "endsAt id madeAt note occasion source startsAt state stops storeId storeName",
    "VisitProposal": "day endsAt startsAt stops waitingMinutes walkingMinutes",
    "VisitProposalsPayload": "complete proposals unavailable whyNone",
    "VisitStop": "appointment gapMinutes isTight walkingMinutes",
    "WaitlistEntry": (
        "associate firstDay fromTime id joinedAt lastDay membersAhead offer service state untilTime waitsUntil"
    ),
    "WaitlistOffer": "appointment offeredAt until",
    "WaiveGiftPayload": "gift",
    "WeekdayAfter": "kind nth weekday",
    "WeekdayHours": "closesAt opensAt weekday",
    "WithdrawFromWaitlistPayload": "entry",
    "WorkingTime": "associate endsAt startsAt",
}
"""Fields by type, separated by spaces."""
