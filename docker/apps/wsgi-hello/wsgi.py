"""Hello world, and a few pages that show what the server sees."""

import json
import os
import sys
import time
from urllib.parse import parse_qs

# A slow start, to look at: docker run -e START_DELAY=5 …
print("starting", file=sys.stderr, flush=True)
time.sleep(float(os.environ.get("START_DELAY", 0)))


def hello(query):
    return "Hello, world!\n"


def slow(query):
    """Answers after a while: stop the container meanwhile."""
    print("slow request begins", file=sys.stderr, flush=True)
    time.sleep(float(query.get("s", ["5"])[0]))
    return "answered at last\n"


def about(query):
    with open("/proc/1/cmdline", "rb") as pid1:
        first = pid1.read().split(b"\0")[0].decode()
    return json.dumps({"pid": os.getpid(), "pid1": first, "cwd": os.getcwd(), "lang": os.environ.get("LANG")}) + "\n"


def say(query):
    """One line to each stream. Apache sends both to its error log, which is the container's stderr."""
    text = query.get("text", [""])[0]
    print("out:", text, flush=True)
    print("err:", text, file=sys.stderr, flush=True)
    return "said\n"


PAGES = {"/": hello, "/slow": slow, "/about": about, "/say": say}


def application(environ, start_response):
    page = PAGES.get(environ["PATH_INFO"])
    if page is None:
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"no such page\n"]
    body = page(parse_qs(environ["QUERY_STRING"])).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
