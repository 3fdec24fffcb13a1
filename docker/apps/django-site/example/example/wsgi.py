import os
import sys
import time

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example.settings")

# A slow start, to look at: docker run -e START_DELAY=5 …
print("starting", file=sys.stderr, flush=True)
time.sleep(float(os.environ.get("START_DELAY", 0)))

application = get_wsgi_application()
