"""Think: agent definitions, tools, the pending action and the LLM engines."""
