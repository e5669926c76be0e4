from django.apps import AppConfig


class AuctionsConfig(AppConfig):
    name = "npa_market.auctions"
    label = "auctions"
