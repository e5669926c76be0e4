from django.apps import AppConfig


class AuctionsConfig(AppConfig):
    name = "npa_market.auctions"
    label = "auctions"

    def ready(self) -> None:
        from npa_market.auctions import bonds, discretion, durability  # noqa: F401 - register themselves
