from pathlib import Path

from celery import shared_task
from django.conf import settings

from .models import Order


@shared_task
def deliver(number):
    Path(settings.MEDIA_ROOT, f"receipt-{number}").write_text("paid\n")
    Order.objects.filter(pk=number).update(delivered=True)
