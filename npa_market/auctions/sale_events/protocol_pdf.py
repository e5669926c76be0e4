"""The protocol of an event on paper: the comparison and the result; the lots have their own."""

from typing import Any

from npa_market.auctions.protocol_pdf import Sheet, paper_pdf

HOW = (
    "Download protocol.json of the event, check_protocol.py and seal.py into one folder and run: "
    "python check_protocol.py protocol.json --chain {chain}. It needs Python alone, no connection: "
    "it opens every envelope again with the published keys and recomputes the winners, the "
    "comparison and each lot's share. Each lot has a protocol of its own, with terms, events and "
    "receipts. Bidders appear by their label on a lot; that the labels of a winner of the whole "
    "are one institution's is the venue's word. No reserve stands in a protocol."
)
OUTCOMES = {
    "whole": "sold as a whole",
    "no_whole_bid": "sold separately: no bid for the whole counted",
    "whole_below_reserve": "sold separately: the best bid for the whole was below its reserve",
    "whole_not_above": "sold separately: no bid for the whole was above the separate bids",
}


def event_protocol_pdf(document: dict[str, Any]) -> bytes:
    """A4 landscape, the same bytes for the same document."""
    sheet = Sheet(document["currency"], document["lots"][0]["terms"]["time_zone"])
    result = document["result"]
    outcome = OUTCOMES[result["outcome"]]
    if result["whole_minor"] is not None:
        outcome += f" at {sheet.money(result['whole_minor'])} {document['currency']}"
    parts = [("Lots", sheet.table(_lots(document, sheet), (95, 190, 105, 105, 130, 135)))]
    if document["wholes"]:
        table = sheet.table(_wholes(document, sheet), (60, 120, 140, 440))
        parts.append((f"Bids for the whole: {len(document['wholes'])}", table))
    return paper_pdf(
        name=document["event"],
        lead=f"{document['title']} · {outcome}",
        parts=parts,
        how=HOW.format(chain=document["chain_sha256"]),
        chain=document["chain_sha256"],
    )


def _lots(document: dict[str, Any], sheet: Sheet) -> list[list[str]]:
    rows = [["Lot", "Title", "Start price", "Alone", "Result", "Sold to, at"]]
    alone = []
    for lot, separate in zip(document["lots"], document["separate"], strict=True):
        result, price = lot["result"], separate["price_minor"]
        alone.append(price or 0)
        words = separate["reason"].replace("_", " ")
        sold = f"{result['winner']}, {sheet.money(result['hammer_minor'])}"
        rows.append(
            [
                lot["lot"],
                lot["title"],
                sheet.money(lot["terms"]["start_price_minor"]),
                words if price is None else f"{sheet.money(price)}, {separate['bidder']}",
                result["state"],
                sold if result["state"] == "sold" else result["reason"].replace("_", " "),
            ]
        )
    starts = sum(lot["terms"]["start_price_minor"] for lot in document["lots"])
    sold_for = sum(lot["result"]["hammer_minor"] or 0 for lot in document["lots"])
    rows.append(
        ["Sum", "", sheet.money(starts), sheet.money(sum(alone)), "", sheet.money(sold_for)]
    )
    return rows


def _wholes(document: dict[str, Any], sheet: Sheet) -> list[list[str]]:
    first = document["lots"][0]["lot"]
    rows = [["Envelope", f"Bidder of {first}", "Amount", "Void because"]]
    for bid in document["wholes"]:
        reason = bid["reason"].replace("_", " ")
        rows.append([str(bid["receipt"]), bid["bidder"], sheet.money(bid["amount_minor"]), reason])
    return rows
