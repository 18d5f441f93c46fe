"""The model registry: cards, where weights come from, download, verify."""
