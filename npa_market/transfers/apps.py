from django.apps import AppConfig


class TransfersConfig(AppConfig):
    name = "npa_market.transfers"
    label = "transfers"
