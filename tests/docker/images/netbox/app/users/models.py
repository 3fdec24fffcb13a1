from django.contrib.auth.models import User
from django.db import models


class Token(models.Model):
    user = models.ForeignKey(User, models.CASCADE)
    key = models.CharField(max_length=40)
