"""Every change of state of a lot: announced, registered for, bid on, advanced, cancelled."""

from npa_market.auctions.services.bidding import advance_due_lots as advance_due_lots
from npa_market.auctions.services.bidding import advance_lot as advance_lot
from npa_market.auctions.services.bidding import cancel_lot as cancel_lot
from npa_market.auctions.services.bidding import place_bid as place_bid
from npa_market.auctions.services.bidding import try_advance_lot as try_advance_lot
from npa_market.auctions.services.lots import announce_lot as announce_lot
from npa_market.auctions.services.registrations import admit_registration as admit_registration
from npa_market.auctions.services.registrations import confirm_deposit as confirm_deposit
from npa_market.auctions.services.registrations import refuse_registration as refuse_registration
from npa_market.auctions.services.registrations import register_for_lot as register_for_lot
