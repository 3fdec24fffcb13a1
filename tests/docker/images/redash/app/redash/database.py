from os import environ

import psycopg2


def execute(statement, *values):
    with psycopg2.connect(environ["REDASH_DATABASE_URL"]) as connection, connection.cursor() as cursor:
        cursor.execute(statement, values)


def create_tables():
    execute("CREATE TABLE IF NOT EXISTS squares (job text PRIMARY KEY, number integer, square integer)")
