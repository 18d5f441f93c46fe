"""Calls on telephone lines: what carries them, who answers them, and how they end."""
