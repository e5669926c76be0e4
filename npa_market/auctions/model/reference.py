"""A second statement of the rules that shares nothing with the core, to hold the core against.

Written from the rules' text in another shape: there is no state and no fold. A lot is the list of
what was said so far, and each question (who leads, what is the end, which offer stands) is answered
by going through that list from its beginning. Times are whole microseconds, commands and events are
plain tuples; slow and short on purpose, and all rules in one place to be read beside the text.
"""

import hashlib
from typing import Any

Said = tuple[Any, ...]
MOST = 9_007_199_254_740_991
MINUTE = 60_000_000
SECOND = 1_000_000
ENDS = ("Sold", "SoldInWhole", "Unsold", "Cancelled")


class Reference:
    """One lot: its terms as a dictionary, and everything that was said of it."""

    def __init__(self, terms: dict[str, Any]) -> None:
        self.terms = terms
        self.log: list[Said] = []  # (kind, number, time, …) without gaps
        self.box: list[Said] = []  # secret receipts, numbered apart
        self.latest: int | None = None

    # --- questions -----------------------------------------------------------------------------

    def last(self, *kinds: str) -> Said | None:
        """The last thing said of these kinds."""
        return next((said for said in reversed(self.log) if said[0] in kinds), None)

    def phase(self) -> str:
        for said in reversed(self.log):
            if said[0] in ENDS:
                return "over"
            if said[0] == "EnvelopesFixed":
                return "opening"
            if said[0] == "Suspended":
                return "suspended"
            if said[0] in ("Opened", "Resumed"):
                return "open"
        return "announced"

    def times(self) -> tuple[int, int, int, int]:
        """(end in force, hard end in force, microseconds lost to suspensions, since when)."""
        end, hard, lost, since = self.terms["ends_at"], self.terms["hard_end_at"], 0, 0
        for said in self.log:
            kind, at = said[0], said[2]
            if kind == "EndExtended":
                end = said[3]
            elif kind == "PriceAccepted":
                end = said[5]
            elif kind == "RoundRevealed":
                end = said[3]
            elif kind == "Suspended":
                since = said[3]
            elif kind == "Resumed":
                hard += said[3] - end
                end = said[3]
                lost += at - since
        return end, hard, lost, since

    def step_above(self, price: int) -> int:
        table = [(0, self.terms["step_minor"]), *self.terms["higher_steps"]]
        return int([step for start, step in table if start <= price][-1])

    def bids(self) -> list[tuple[str, int, int, bool]]:
        """(bidder, limit, number, is the leader's own raise) of each bid of an open auction."""
        found = []
        for said in self.log:
            if said[0] == "BidAccepted":
                limit = said[4] if said[5] is None else said[5]
                found.append((said[3], limit, said[1], False))
            elif said[0] == "BidOutbid":
                found.append((said[3], said[5], said[1], False))
            elif said[0] == "MaximumRaised":
                found.append((said[3], said[4], said[1], True))
        return found

    def leader(self) -> tuple[str, int] | None:
        """(leader, limit): the highest limit, of equals the earlier."""
        ranked = sorted(self.bids(), key=lambda bid: (-bid[1], bid[2]))
        return (ranked[0][0], ranked[0][1]) if ranked else None

    def price(self, bids: list[tuple[str, int, int, bool]]) -> int:
        """min(highest limit, best limit of another + step); what a raise alone cannot move."""
        while bids and bids[-1][3]:
            bids = bids[:-1]
        first = min(bids, key=lambda bid: (-bid[1], bid[2]))
        if not self.terms["allows_proxy"]:
            return first[1]
        others = [limit for bidder, limit, _, _ in bids if bidder != first[0]]
        if not others:
            return int(self.terms["start_price_minor"])
        return min(first[1], max(others) + self.step_above(max(others)))

    def in_force(self) -> list[Said]:
        """Of each bidder the last receipt, unless it took the envelope back; in their order."""
        lasts = {said[3]: said for said in self.box}
        return sorted(
            (said for said in lasts.values() if said[0] != "EnvelopeWithdrawn"),
            key=lambda said: said[1],
        )

    def offer(self) -> tuple[Said, int] | None:
        """The standing offer and when it expires, suspensions after it left out."""
        made = self.last("OfferMade", "OfferDeclined", "OfferWithdrawn")
        if made is None or made[0] != "OfferMade":
            return None
        expires, since = made[6], 0
        for said in self.log[made[1] :]:
            if said[0] == "Suspended":
                since = said[3]
            elif said[0] == "Resumed":
                expires += said[2] - since
        return made, expires

    def falling_price(self, at: int) -> int:
        _, _, lost, _ = self.times()
        ticks = max(0, at - self.terms["opens_at"] - lost) // (self.terms["tick_seconds"] * SECOND)
        price = self.terms["start_price_minor"] - ticks * self.terms["step_minor"]
        return int(max(self.terms["lowest_price_minor"], price))

    # --- what follows --------------------------------------------------------------------------

    def say(self, command: Said, now: int) -> list[Said]:
        """What follows from a command at a moment, and remember it."""
        at = now if self.latest is None else max(now, self.latest)
        log, box, latest = list(self.log), list(self.box), self.latest
        answer = getattr(self, f"on_{command[0]}")(at, *command[1:])
        if isinstance(answer, str):  # A refusal: nothing of what was tried is kept.
            self.log, self.box, self.latest = log, box, latest
            self.latest = at
            name = 2 if command[0] in ("offer", "answer") else 1
            has_amount = command[0] in ("bid", "take", "offer")
            amount = command[name + 1] if has_amount else None
            return [("BidRefused", command[name], amount, answer, at)]
        news = [*self.log[len(log) :], *self.box[len(box) :]]
        if news:
            self.latest = at
        return news

    def put(self, kind: str, at: int, *rest: Any) -> None:
        self.log.append((kind, len(self.log) + 1, at, *rest))

    def pass_time(self, at: int, by: int | None = None) -> None:
        """Everything that time alone brings by now, or by an earlier moment; said now."""
        by = at if by is None else by
        if self.phase() == "announced" and by >= self.terms["opens_at"]:
            self.put("Opened", at)
        while self.phase() == "open" and by >= self.times()[0]:
            getattr(self, f"end_of_{self.terms['format']}")(at)

    def finish(self, at: int, best: tuple[str, int] | None) -> None:
        if best is None:
            self.put("Unsold", at, "no_bids")
        elif best[1] < (self.terms["reserve_minor"] or 0):
            self.put("Unsold", at, "reserve_not_met")
        else:
            self.put("Sold", at, *best)

    def end_of_ascending(self, at: int) -> None:
        leader = self.leader()
        self.finish(at, None if leader is None else (leader[0], self.price(self.bids())))

    def end_of_sealed(self, at: int) -> None:
        envelopes = self.in_force()
        text = "".join(f"{said[1]} {said[4]}\n" for said in envelopes)
        self.put("EnvelopesFixed", at, hashlib.sha256(text.encode("ascii")).hexdigest())
        if not envelopes and not self.terms["in_event"]:
            self.finish(at, None)

    def end_of_dutch(self, at: int) -> None:
        taken = self.last("PriceAccepted")
        if taken is None:
            self.finish(at, None)
            return
        best = sorted(self.in_force(), key=lambda said: (-said[4], said[1]))
        if not best:
            self.finish(at, (taken[3], taken[4]))
        elif self.last("RoundRevealed"):
            self.finish(at, (best[0][3], best[0][4]))
        else:
            end = self.times()[0]
            for said in self.in_force():
                self.put("RoundBidRevealed", at, said[3], said[1], said[4])
            self.put("RoundRevealed", at, end + self.terms["best_bid_seconds"] * SECOND)

    def end_of_negotiated(self, at: int) -> None:
        self.put("Unsold", at, "no_agreement")

    # --- the venue -----------------------------------------------------------------------------

    def on_advance(self, at: int) -> None:
        self.pass_time(at)

    def on_cancel(self, at: int, reason: str, party: str) -> None:
        self.pass_time(at)
        if self.phase() == "announced" or (not party and self.phase() != "over"):
            self.put("Cancelled", at, reason, party)

    def on_suspend(self, at: int, reason: str, since: int | None) -> None:
        dark = at
        if since is not None:
            dark = min(at, max(since, self.terms["opens_at"], self.latest or since))
        self.pass_time(at, by=dark)  # What was over when the lights went out is over.
        end = last = self.times()[0]
        if self.last("PriceAccepted") and not self.last("RoundRevealed"):
            last += self.terms["best_bid_seconds"] * SECOND
        is_felt = since is None or min(at, last) - max(dark, end - 15 * MINUTE) > MINUTE
        if self.phase() == "open" and is_felt:
            self.put("Suspended", at, dark, reason)
        else:
            self.pass_time(at)

    def on_resume(self, at: int) -> None:
        if self.phase() != "suspended":
            self.pass_time(at)
            return
        end, _, _, since = self.times()
        self.put("Resumed", at, max(end + at - since, at + 10 * MINUTE))

    def on_open(self, at: int, found: tuple[tuple[int, int | None], ...]) -> None:
        self.pass_time(at)
        envelopes = self.in_force()
        if self.terms["format"] != "sealed" or self.phase() != "opening":
            return
        if sorted(number for number, _ in found) != [said[1] for said in envelopes]:
            return
        valid = []
        for said in envelopes:
            (amount,) = [amount for number, amount in found if number == said[1]]
            if amount is None:
                self.put("EnvelopeVoid", at, said[3], said[1], "undecryptable")
            elif amount < self.terms["start_price_minor"]:
                self.put("EnvelopeVoid", at, said[3], said[1], "below_start")
            elif amount > MOST:
                self.put("EnvelopeVoid", at, said[3], said[1], "amount_too_large")
            else:
                self.put("EnvelopeOpened", at, said[3], said[1], amount)
                valid.append((said[3], amount))
        top = max((amount for _, amount in valid), default=0)
        self.finish(at, next((each for each in valid if each[1] == top), None))

    # --- bidders -------------------------------------------------------------------------------

    def gate(self, at: int, formats: str, standing: dict[str, bool] | None) -> str:
        """The first general reason against a request; empty where there is none."""
        if self.terms["format"] not in formats:
            return "wrong_format"
        if self.phase() == "over":
            return "closed"
        self.pass_time(at)
        if at < self.terms["opens_at"]:
            return "not_open"
        if self.phase() == "suspended":
            return "lot_suspended"
        if self.phase() != "open":
            return "late"
        for name, is_wanted, reason in (
            ("is_qualified", True, "not_qualified"),
            ("is_admitted", True, "not_admitted"),
            ("has_deposit", True, "no_deposit"),
            ("is_related_to_seller", False, "related_to_seller"),
            ("is_suspended", False, "suspended"),
        ):
            if standing is not None and standing[name] != is_wanted:
                return reason
        return ""

    def on_bid(self, at: int, bidder: str, amount: int, standing: dict[str, bool]) -> str | None:
        against = self.gate(at, "ascending dutch", standing)
        if against:
            return against
        if self.terms["format"] == "dutch":
            return self.bid_above(at, bidder, amount)
        return self.bid_up(at, bidder, amount)

    def bid_up(self, at: int, bidder: str, amount: int) -> str | None:
        leader, bids = self.leader(), self.bids()
        start = self.terms["start_price_minor"]
        proxy = self.terms["allows_proxy"]
        if amount < start:
            return "below_start"
        if proxy and leader and leader[0] == bidder:
            if amount <= leader[1]:
                return "below_own_maximum"
        elif leader and amount < self.price(bids) + self.step_above(self.price(bids)):
            return "below_step"
        if amount > MOST:
            return "amount_too_large"
        number = len(self.log) + 1
        if proxy and leader and leader[0] == bidder:
            self.put("MaximumRaised", at, bidder, amount)
            return None
        price = self.price([*bids, (bidder, amount, number, False)])
        if leader and leader[1] >= amount:
            self.put("BidOutbid", at, bidder, price, amount)
        else:
            self.put("BidAccepted", at, bidder, price, amount if proxy else None)
        end, hard, _, _ = self.times()
        moved = sum(said[0] == "EndExtended" for said in self.log)
        cap = self.terms["max_extensions"]
        if end - at < self.terms["window_seconds"] * SECOND and (cap is None or moved < cap):
            new = min(hard, at + self.terms["extension_seconds"] * SECOND)
            if new > end:
                self.put("EndExtended", at, new)
        return None

    def bid_above(self, at: int, bidder: str, amount: int) -> str | None:
        taken = self.last("PriceAccepted")
        if taken is None:
            return "still_falling"
        is_acceptor, price = bidder == taken[3], taken[4]
        answering = self.last("RoundRevealed") is not None
        if not answering and is_acceptor:
            return "acceptor_waits"
        if answering and not is_acceptor:
            return "acceptor_only"
        if answering:
            price = max(said[4] for said in self.in_force())
        if amount <= price:
            return "not_above_price"
        if amount > MOST:
            return "amount_too_large"
        if not answering:
            self.box.append(("RoundBidReceived", len(self.box) + 1, at, bidder, amount))
            return None
        self.put("BestBidPlaced", at, bidder, amount)
        self.finish(at, (bidder, amount))
        return None

    def on_take(self, at: int, bidder: str, amount: int, standing: dict[str, bool]) -> str | None:
        against = self.gate(at, "dutch", standing)
        if against:
            return against
        if self.last("PriceAccepted"):
            return "not_falling"
        price = self.falling_price(at)
        if amount < price:
            return "below_price"
        if amount > MOST:
            return "amount_too_large"
        self.put("PriceAccepted", at, bidder, price, at + self.terms["round_seconds"] * SECOND)
        return None

    def on_seal(self, at: int, bidder: str, sha256: str, standing: dict[str, bool]) -> str | None:
        against = self.gate(at, "sealed", standing)
        if not against:
            self.box.append(("EnvelopeReceived", len(self.box) + 1, at, bidder, sha256))
        return against or None

    def on_unseal(self, at: int, bidder: str) -> str | None:
        against = self.gate(at, "sealed", None)
        if against:
            return against
        if not self.terms["allows_withdrawal"]:
            return "withdrawal_not_allowed"
        if all(said[3] != bidder for said in self.in_force()):
            return "no_envelope"
        self.box.append(("EnvelopeWithdrawn", len(self.box) + 1, at, bidder))
        return None

    def on_offer(self, at: int, party: str, bidder: str, *rest: Any) -> str | None:
        amount, seconds, standing = rest
        against = self.gate(at, "negotiated", standing)
        if against:
            return against
        if bidder != self.terms["invited"]:
            return "not_invited"
        if amount < 1:
            return "not_positive"
        if amount > MOST:
            return "amount_too_large"
        expires = min(at + seconds * SECOND, self.times()[0])
        self.put("OfferMade", at, party, bidder, amount, expires)
        return None

    def on_answer(self, at: int, party: str, bidder: str, *rest: Any) -> str | None:
        what, number, standing = rest
        # Only an acceptance binds the buyer, so only for that must it be in good standing.
        against = self.gate(at, "negotiated", standing if what == "accept" else None)
        if against:
            return against
        if bidder != self.terms["invited"]:
            return "not_invited"
        stands = self.offer()
        if stands is None:
            return "no_offer"
        made, expires = stands
        if made[1] != number:
            return "offer_changed"
        if at >= expires:
            return "offer_expired"
        if what == "withdraw" and made[3] != party:
            return "not_own_offer"
        if what != "withdraw" and made[3] == party:
            return "own_offer"
        if what == "accept":
            self.put("Sold", at, bidder, made[5])
        else:
            kind = "OfferWithdrawn" if what == "withdraw" else "OfferDeclined"
            self.put(kind, at, party, bidder, number)
        return None
