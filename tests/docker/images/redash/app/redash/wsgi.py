from redash.jobs import queue


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{len(queue())} jobs wait".encode()]
