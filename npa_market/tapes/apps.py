from django.apps import AppConfig


class TapesConfig(AppConfig):
    name = "npa_market.tapes"
    label = "tapes"
