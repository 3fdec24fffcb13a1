"""Hello world on Klein, and a few pages that show what the server sees. `resource` is what `twist web` serves."""

import json
import os
import sys
import time

from klein import Klein
from twisted.internet import reactor
from twisted.internet.task import deferLater

# A slow start, to look at: docker run -e START_DELAY=5 …
print("starting", file=sys.stderr, flush=True)
time.sleep(float(os.environ.get("START_DELAY", 0)))

app = Klein()
resource = app.resource


def argument(request, name, default):
    return request.args.get(name.encode(), [default.encode()])[0].decode()


@app.route("/")
def hello(request):
    return "Hello, world!\n"


@app.route("/slow")
def slow(request):
    """Answers after a while: stop the container meanwhile."""
    print("slow request begins", file=sys.__stderr__, flush=True)
    return deferLater(reactor, float(argument(request, "s", "5")), lambda: "answered at last\n")


@app.route("/about")
def about(request):
    with open("/proc/1/cmdline", "rb") as pid1:
        first = pid1.read().split(b"\0")[0].decode()
    return json.dumps({"pid": os.getpid(), "pid1": first, "cwd": os.getcwd(), "lang": os.environ.get("LANG")}) + "\n"


@app.route("/say")
def say(request):
    """One line to each stream. Twisted logs what is printed; the interpreter's own streams are left as they were."""
    text = argument(request, "text", "")
    print("out:", text, file=sys.__stdout__, flush=True)
    print("err:", text, file=sys.__stderr__, flush=True)
    return "said\n"
