"""Celery application: a real worker in every mode, eager only inside tests."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "npa_market.config.settings")
app = Celery("npa_market")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
