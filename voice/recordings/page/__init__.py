"""A recorded call as one page to read, hear, search and correct; and an index of a folder."""
