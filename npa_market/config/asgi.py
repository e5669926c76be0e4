"""ASGI entry point: `uvicorn npa_market.config.asgi:application`."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "npa_market.config.settings")
django.setup(set_prefix=False)

from npa_market.common.serving import VenueHandler  # noqa: E402 - after the set-up

application = VenueHandler()
