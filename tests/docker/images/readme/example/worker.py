"""Works until it is asked to end."""

import os
import signal
import sys

signal.signal(signal.SIGTERM, lambda *_: sys.exit("worker: done"))
print("worker: working as", os.getuid(), flush=True)
while True:
    signal.pause()
