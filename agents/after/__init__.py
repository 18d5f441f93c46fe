"""After the call: what came of it, the owner's form filled in, and its way to the owner."""
