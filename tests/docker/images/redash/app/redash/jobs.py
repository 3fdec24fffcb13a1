from os import environ

from redis import Redis
from rq import Queue, get_current_job

from redash.database import execute


def queue():
    return Queue("default", connection=Redis.from_url(environ["REDASH_REDIS_URL"]))


def square(number):
    job = get_current_job()
    # It is committed before anybody is told.
    execute("INSERT INTO squares VALUES (%s, %s, %s)", job.id, number, number * number)
    job.connection.rpush(f"done:{job.id}", number * number)
    return number * number
