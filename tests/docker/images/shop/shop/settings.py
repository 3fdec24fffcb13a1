from environ import Env

env = Env()
SECRET_KEY = env("SECRET_KEY")
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "shop.urls"
INSTALLED_APPS = ["shop"]
DATABASES = {"default": env.db("DATABASE_URL")}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
MEDIA_ROOT = env("MEDIA_ROOT")
