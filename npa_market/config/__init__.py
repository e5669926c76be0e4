"""Settings, URLs and entry points. The Celery app loads with Django so that tasks bind to it."""

from npa_market.config.celery import app as celery_app

__all__ = ["celery_app"]
