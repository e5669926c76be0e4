from django.apps import AppConfig


class PartiesConfig(AppConfig):
    name = "npa_market.parties"
    label = "parties"
