"""Make the key of a lot with sealed bids, or hand in a share of it.

    manage.py lot_key make LOT-2026-0007 --user operator@venue --out shares/
    manage.py lot_key share LOT-2026-0007 --user notary@venue --holder notary --file share.txt

`make` writes one file per holder and keeps nothing: hand them over apart and delete them here. Any
two of them open the lot after its deadline; with fewer it is opened by the bidders' receipts.
"""

import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from npa_market.auctions.ceremony.services import hand_in_share, set_lot_key
from npa_market.auctions.lot_keys import Holder, make_lot_key
from npa_market.auctions.models import Lot
from npa_market.common.errors import Refused
from npa_market.parties.models import User


class Command(BaseCommand):
    help = "Make the key of a sealed lot (split 2 of 3), or hand in a share after the deadline."

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True, metavar="act")
        for act, words in (("make", "make and split the key"), ("share", "hand in a share")):
            one = acts.add_parser(act, help=words)
            one.add_argument("lot", help="reference of the lot")
            one.add_argument("--user", required=True, help="e-mail of the person who acts")
            if act == "make":
                one.add_argument("--out", type=Path, required=True, help="folder for the shares")
            else:
                one.add_argument("--holder", choices=[each.value for each in Holder], required=True)
                one.add_argument("--file", type=Path, required=True, help="the share's words")

    def handle(self, *args: Any, **options: Any) -> None:
        lot = Lot.objects.filter(reference=options["lot"]).first()
        user = User.objects.filter(email=options["user"]).first()
        if lot is None or user is None:
            raise CommandError(f"there is no {'lot' if lot is None else 'person'} of this name")
        try:
            if options["act"] == "make":
                self._make(lot, user, options["out"])
            else:
                self._share(lot, user, options)
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal

    def _make(self, lot: Lot, user: User, folder: Path) -> None:
        if hasattr(lot, "key"):
            raise CommandError(f"{lot} has its key; it never changes")
        key = make_lot_key()
        folder.mkdir(parents=True, exist_ok=True)
        files = {holder: folder / f"{lot.reference}-{holder.value}.txt" for holder in Holder}
        taken = [str(path) for path in files.values() if path.exists()]
        if taken:
            raise CommandError(f"{', '.join(taken)}: there already; a share is never overwritten")
        # The shares first: a key whose shares were not written would close the lot for ever.
        for holder, path in files.items():
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(handle, "w", encoding="utf-8") as file:
                file.write(key.shares[holder] + "\n")
        set_lot_key(user=user, lot_id=lot.pk, public_key=key.public_key, set_id=key.set_id)
        self.stdout.write(f"public key of {lot}: {key.public_key}")
        for holder, path in files.items():
            self.stdout.write(f"share of the {holder.value}: {path}")

    def _share(self, lot: Lot, user: User, options: dict[str, Any]) -> None:
        try:
            words = options["file"].read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as reason:
            raise CommandError(f"{options['file']}: cannot be read") from reason
        holder = Holder(options["holder"])
        lot = hand_in_share(user=user, lot_id=lot.pk, holder=holder, words=words)
        self.stdout.write(f"{lot}: {lot.get_state_display().lower()}")
