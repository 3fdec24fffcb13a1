"""Prints something, and would run for ever."""

import signal

print("untrusted: begun", flush=True)
while True:
    signal.pause()
