"""Permissions on tapes."""

import rules

from npa_market.parties.permissions import acts_for
from npa_market.parties.roles import SELLER_ROLES, Role

rules.add_perm("tapes.upload_tape", acts_for("", Role.SELLER_ANALYST))
rules.add_perm("tapes.save_mapping", acts_for("", Role.SELLER_ANALYST))
rules.add_perm("tapes.change_upload", acts_for("seller", Role.SELLER_ANALYST))
rules.add_perm("tapes.retry_import", acts_for("seller", Role.SELLER_ANALYST))
rules.add_perm("tapes.confirm_import", acts_for("seller", Role.SELLER_ANALYST))
rules.add_perm("tapes.discard_tape", acts_for("seller", Role.SELLER_ANALYST))
rules.add_perm("tapes.read_tape", acts_for("seller", *SELLER_ROLES))
rules.add_perm("tapes.upload_history", acts_for("seller", Role.SELLER_ANALYST))
rules.add_perm("tapes.reveal_borrower", acts_for("seller", Role.SELLER_ANALYST))
rules.add_perm("tapes.read_access_log", acts_for("seller", *SELLER_ROLES))
# The analyst who reads identities is not the one who ends all reading.
rules.add_perm("tapes.erase_identities", acts_for("seller", Role.SELLER_APPROVER))
# Rejected rows are in clear text: only the people who handle the seller's file get them.
rules.add_perm("tapes.read_rejects", acts_for("seller", Role.SELLER_ANALYST))
