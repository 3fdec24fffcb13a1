from django.urls import path

from . import views

urlpatterns = [
    path("", views.hello),
    path("slow", views.slow),
    path("about", views.about),
    path("say", views.say),
]
