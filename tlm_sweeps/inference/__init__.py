"""Trained models put to use: generating text, scoring any text, and leaving for Hugging Face. Nothing is trained."""
