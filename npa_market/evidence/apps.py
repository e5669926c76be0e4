from django.apps import AppConfig


class EvidenceConfig(AppConfig):
    name = "npa_market.evidence"
    label = "evidence"

    def ready(self) -> None:
        from npa_market.common.recording import register_recorder
        from npa_market.evidence.services import record

        register_recorder(record)
