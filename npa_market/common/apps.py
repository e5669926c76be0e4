from django.apps import AppConfig


class CommonConfig(AppConfig):
    name = "npa_market.common"
    label = "common"
