"""Tells what the README's configuration has made of it."""

import os


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.environ['DATABASE_URL']} {os.getuid()} {os.stat('/data').st_uid}".encode()]
