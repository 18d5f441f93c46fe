"""Voice activity, end of turn and speech recognition."""
