#!/usr/bin/env python3
"""The commands that the case's roles call, and `enqueue NUMBER [SECONDS]`, which prints what the workers made of it."""
import sys
from datetime import timedelta

from redash.database import create_tables
from redash.jobs import queue, square

match sys.argv[1:]:
    case ["db", "upgrade"]:
        create_tables()
        print("upgraded", flush=True)
    case ["database", "create_tables"]:
        create_tables()
        print("created", flush=True)
    case ["rq", "scheduler"]:
        from rq.scheduler import RQScheduler

        scheduler = RQScheduler([queue().name], queue().connection, interval=1)
        scheduler.acquire_locks()
        print("the scheduler runs", flush=True)
        scheduler.work()
    case ["enqueue", number, *delay]:
        if delay:
            job = queue().enqueue_in(timedelta(seconds=int(delay[0])), square, int(number))
        else:
            job = queue().enqueue(square, int(number))
        # The worker tells when it is done.
        pushed = queue().connection.blpop(f"done:{job.id}", timeout=60)
        print(pushed[1].decode() if pushed else "nobody did it")
    case other:
        sys.exit(f"no such command: {other}")
