"""Wires of the phone world: one module per protocol."""
