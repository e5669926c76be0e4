from django.apps import AppConfig


class EvidenceConfig(AppConfig):
    name = "npa_market.evidence"
    label = "evidence"
