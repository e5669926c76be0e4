from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "npa_market.portal"
    label = "portal"
