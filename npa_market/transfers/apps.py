from django.apps import AppConfig


class TransfersConfig(AppConfig):
    name = "npa_market.transfers"
    label = "transfers"

    def ready(self) -> None:
        from npa_market.transfers import (  # noqa: F401 - register themselves
            handlers,
            titles,
            winners,
        )
