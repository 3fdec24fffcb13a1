from django.http import HttpResponse
from django.urls import path

from .models import Order
from .tasks import deliver


def index(request):
    return HttpResponse(f"{Order.objects.count()} ordered, {Order.objects.filter(delivered=True).count()} delivered")


def order(request):
    number = Order.objects.create().pk
    deliver.delay(number)
    return HttpResponse(f"order {number}")


urlpatterns = [path("", index), path("order", order)]
