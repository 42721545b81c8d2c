"""Cards, the rotating member code that the app shows, and the member's confirmation of a spending.

Owns the tables of schema `cards`. A card number or a phone earns; spending needs a rotating code or a confirmation
in the app. What a card's state means at the till:

    ACTIVE      earns
    BLOCKED     earns, for the person is known; does not spend
    REPLACED    earns like the card that replaced it, so that no old card in a drawer stops working; when that one
                is blocked, so is the old one
    CLOSED      identifies nobody any more, and neither do the cards it had replaced

A code is the face of the virtual card: its state is that card's.

Holds P8: a code step spends once, at one till, for one quote (`code_spends_pkey`); a confirmation is used once
(`spend_confirmations_spent_key`). A merge moves cards and code seeds to the winner, where they go on working.

Emits cards.issued, cards.blocked, cards.unblocked, cards.replaced, cards.closed, cards.spending_confirmed.
"""
