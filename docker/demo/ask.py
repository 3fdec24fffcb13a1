"""Asks the application, from where it runs: ask.py GET PATH, or ask.py POST PATH TEXT. Prints the status and the answer."""

import http.client
import os
import sys

method, path, *body = sys.argv[1:]
connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("PORT", "8000")), timeout=20)
connection.request(method, path, body[0].encode() if body else None)
response = connection.getresponse()
print(response.status, response.read().decode().strip())
sys.exit(response.status >= 400)
