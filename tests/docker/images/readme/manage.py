"""What the README's deploy hook calls, without a database behind it."""

import os
import sys

print("manage.py", *sys.argv[1:], "as", os.getuid(), flush=True)
