"""Every change of state of a lot: announced, registered for, bid on, advanced, cancelled."""

from npa_market.auctions.services.bidding import advance_due_lots as advance_due_lots
from npa_market.auctions.services.bidding import advance_lot as advance_lot
from npa_market.auctions.services.bidding import cancel_lot as cancel_lot
from npa_market.auctions.services.bidding import keep_pulse as keep_pulse
from npa_market.auctions.services.bidding import note_pulse as note_pulse
from npa_market.auctions.services.bidding import place_bid as place_bid
from npa_market.auctions.services.bidding import try_advance_lot as try_advance_lot
from npa_market.auctions.services.bidding import withdraw_lot as withdraw_lot
from npa_market.auctions.services.envelopes import seal_and_submit as seal_and_submit
from npa_market.auctions.services.formats import accept_price as accept_price
from npa_market.auctions.services.formats import answer_offer as answer_offer
from npa_market.auctions.services.formats import make_offer as make_offer
from npa_market.auctions.services.formats import submit_envelope as submit_envelope
from npa_market.auctions.services.formats import withdraw_envelope as withdraw_envelope
from npa_market.auctions.services.lots import announce_lot as announce_lot
from npa_market.auctions.services.registrations import admit_registration as admit_registration
from npa_market.auctions.services.registrations import confirm_deposit as confirm_deposit
from npa_market.auctions.services.registrations import refuse_registration as refuse_registration
from npa_market.auctions.services.registrations import register_for_lot as register_for_lot
from npa_market.auctions.services.registrations import unmatch_deposit as unmatch_deposit
from npa_market.auctions.services.registrations import (
    withdraw_registration as withdraw_registration,
)
from npa_market.auctions.services.releasing import release_sold_lot as release_sold_lot
from npa_market.auctions.services.templates import delete_terms as delete_terms
from npa_market.auctions.services.templates import save_terms as save_terms
from npa_market.auctions.services.venue import open_envelopes as open_envelopes
from npa_market.auctions.services.venue import resume_lot as resume_lot
from npa_market.auctions.services.venue import suspend_lot as suspend_lot
