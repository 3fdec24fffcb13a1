from celery import Celery

# The broker is what CELERY_BROKER_URL says.
app = Celery("shop")
app.autodiscover_tasks(["shop"])
