from django.apps import AppConfig


class PackagesConfig(AppConfig):
    name = "npa_market.packages"
    label = "packages"
