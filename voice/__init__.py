"""Hear, speak, and everything between the wire and the models."""
