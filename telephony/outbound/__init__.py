"""Calling out: whom, when and how often, and what it may cost."""
