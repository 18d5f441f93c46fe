"""The flight recorder: what a call heard, said and decided, kept on this machine's disk."""
