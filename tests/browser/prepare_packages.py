"""Fill the database with a seller of 3,000 loans, who signs in; run as a process of its own."""

import os

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "npa_market.config.settings")
    django.setup()
    from npa_market.packages.scratch import make_scratch
    from tests.browser.serving import PASSWORD

    scratch = make_scratch(3_000)
    for name, user in (("maker", scratch.maker), ("checker", scratch.checker)):
        user.email = f"{name}@example.com"
        user.set_password(PASSWORD)
        user.save()
