from django.apps import AppConfig


class SettlementConfig(AppConfig):
    name = "npa_market.settlement"
    label = "settlement"
