"""Counts its visits, and shows what the server sees."""

import os
import sys
import time
from pathlib import Path

from django.http import HttpResponse, JsonResponse

from .models import Visit


def text(body):
    return HttpResponse(body, content_type="text/plain")


def hello(request):
    Visit.objects.create()
    return text(f"Hello, visitor {Visit.objects.count()}!\n")


def slow(request):
    """Answers after a while: stop the container meanwhile."""
    print("slow request begins", file=sys.stderr, flush=True)
    time.sleep(float(request.GET.get("s", 5)))
    return text("answered at last\n")


def about(request):
    pid1 = Path("/proc/1/cmdline").read_bytes().split(b"\0")[0].decode()
    return JsonResponse({"pid": os.getpid(), "pid1": pid1, "cwd": os.getcwd(), "lang": os.environ.get("LANG")})


def say(request):
    """One line to each stream."""
    print("out:", request.GET.get("text", ""), flush=True)
    print("err:", request.GET.get("text", ""), file=sys.stderr, flush=True)
    return text("said\n")
