"""Text to clauses, clauses to sound."""
