"""The fewest settings that a site with a database needs."""

import os
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent

# An example's key. A real site is given its own: docker run -e SECRET_KEY=…
SECRET_KEY = os.environ.get("SECRET_KEY", "only-an-example")
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["mysite"]
ROOT_URLCONF = "mysite.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True

# The deploy hook makes the folder.
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": HERE / "data" / "site.sqlite3"}}
