"""LLM engines: one interface, embedded or behind a URL."""

import os

# llama.cpp's threads wait for each other by spinning, which on busy cores keeps away the one they
# wait for: after 4,000 turns they sleep. OpenMP reads this when it is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "4000")
