from django.http import HttpResponse
from django.urls import path
from guests.models import Guest


def index(request):
    return HttpResponse(" ".join(Guest.objects.order_by("pk").values_list("name", flat=True)))


urlpatterns = [path("", index)]
