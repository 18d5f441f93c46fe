"""Proof: callers who talk with an agent, and what became of it. Text only; imports no voice/."""
