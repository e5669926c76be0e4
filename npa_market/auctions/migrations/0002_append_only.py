from django.db import migrations

from npa_market.common.append_only import append_only, columns_fixed


class Migration(migrations.Migration):
    dependencies = [("auctions", "0001_first")]
    operations = [
        append_only("auctions_lotevent"),
        append_only("auctions_bidoutcome"),
        append_only("auctions_lotreceipt"),
        columns_fixed(
            "auctions_bidlimit",
            *["id", "lot_id", "buyer_id", "amount_minor", "salt", "proposed_by_id", "proposed_at"],
        ),
    ]
