from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "npa_market.ledger"
    label = "ledger"
