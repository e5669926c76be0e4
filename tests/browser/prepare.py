"""Fill the database of the environment with the small world; run as a process of its own."""

import os

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "npa_market.config.settings")
    django.setup()
    from tests.world import world_objects

    world_objects()
