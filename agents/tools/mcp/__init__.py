"""Tools of MCP servers, over stdio and over streamable HTTP."""
