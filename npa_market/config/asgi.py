"""ASGI entry point: `uvicorn npa_market.config.asgi:application`."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "npa_market.config.settings")
application = get_asgi_application()
