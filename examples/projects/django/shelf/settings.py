"""Settings of a project without a database."""

import os
import secrets

# Nothing is signed that has to outlive an instance; set SECRET_KEY where sessions are used.
SECRET_KEY = os.environ.get("SECRET_KEY") or secrets.token_urlsafe(50)
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "shelf.urls"
INSTALLED_APPS: list[str] = []
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
USE_TZ = True
