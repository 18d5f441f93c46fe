"""Recorded calls to transcripts: nothing said is lost, and who said it is known."""
