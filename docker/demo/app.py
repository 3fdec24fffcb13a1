"""A small real application: notes in a SQLite database, served over HTTP by the standard library.

GET /notes lists them, POST /notes adds the request's body as one more.
"""

import os
import signal
import sqlite3
import threading
from wsgiref.simple_server import make_server


def application(environ, start_response):
    def answer(status, text):
        start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [text.encode()]

    if environ["PATH_INFO"] != "/notes":
        return answer("404 Not Found", "there is only /notes\n")
    # One connection a request: the server's thread is not the one that starts and stops it.
    with sqlite3.connect(os.environ["DATABASE"]) as database:
        if environ["REQUEST_METHOD"] == "POST":
            text = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode()
            number = database.execute("INSERT INTO notes (text) VALUES (?)", [text]).lastrowid
            return answer("201 Created", f"stored note {number}\n")
        notes = database.execute("SELECT id, text FROM notes ORDER BY id")
        return answer("200 OK", "".join(f"{number}: {text}\n" for number, text in notes))


def main():
    # Held from here on, in every thread: whoever asks to stop is heard below.
    stops = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    server = make_server(os.environ["HOST"], int(os.environ["PORT"]), application)
    print(f"app.py: listening on {os.environ['HOST']}:{os.environ['PORT']}")
    serving = threading.Thread(target=server.serve_forever, args=(0.1,))
    serving.start()
    name = signal.Signals(signal.sigwait(stops)).name
    print(f"app.py: {name}, finishing the request in flight")
    server.shutdown()
    serving.join()
    server.server_close()
    print("app.py: everything is answered")


main()
