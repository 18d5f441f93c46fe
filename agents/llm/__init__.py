"""LLM engines: one interface, embedded or behind a URL."""
