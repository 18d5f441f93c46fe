"""A folder of the owner's documents, whose passages answer questions."""

from agents.documents.index import Documents
from agents.documents.passages import DocumentsError, Passage

__all__ = ["Documents", "DocumentsError", "Passage"]
