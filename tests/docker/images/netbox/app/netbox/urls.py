from django.contrib.auth import authenticate
from django.http import HttpResponse
from django.urls import path
from users.models import Token


def login(request):
    """Whom a name and a password belong to, and their tokens."""
    user = authenticate(username=request.GET["name"], password=request.GET["password"])
    tokens = Token.objects.filter(user=user).values_list("key", flat=True)
    return HttpResponse(f"{user} {' '.join(tokens)}")


urlpatterns = [path("login", login)]
