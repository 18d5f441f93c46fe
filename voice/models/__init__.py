"""The model registry: cards, where weights come from, download, verify."""

from voice.models.cache import (
    as_card,
    cache_root,
    folder,
    is_here,
    is_hub_id,
    missing,
    model_path,
    remove,
    verify,
)
from voice.models.card import Card, CardFile, ModelError, ModelMissing, Source, card, cards
from voice.models.fetching import fetch

__all__ = [
    "Card",
    "CardFile",
    "ModelError",
    "ModelMissing",
    "Source",
    "as_card",
    "cache_root",
    "card",
    "cards",
    "fetch",
    "folder",
    "is_here",
    "is_hub_id",
    "missing",
    "model_path",
    "remove",
    "verify",
]
