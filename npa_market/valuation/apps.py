from django.apps import AppConfig


class ValuationConfig(AppConfig):
    name = "npa_market.valuation"
    label = "valuation"
