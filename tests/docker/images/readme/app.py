"""A server of the standard library alone: python app.py [--port PORT]."""

import argparse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")


parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
port = parser.parse_args().port
with ThreadingHTTPServer(("", port), Answer) as server:
    print(f"serving on {port}", flush=True)
    server.serve_forever()
