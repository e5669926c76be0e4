from django.apps import AppConfig


class DiligenceConfig(AppConfig):
    name = "npa_market.diligence"
    label = "diligence"
