"""`openline eval`: agents proved by callers, in text and in speech."""
