from django.apps import AppConfig


class DiligenceConfig(AppConfig):
    name = "npa_market.diligence"
    label = "diligence"

    def ready(self) -> None:
        from npa_market.diligence.closing import close_with_package
        from npa_market.diligence.services import open_tape_for_valuation
        from npa_market.packages.outside import hears_of_end
        from npa_market.valuation.tape import register_tape_gate

        register_tape_gate(open_tape_for_valuation)
        hears_of_end(close_with_package)
