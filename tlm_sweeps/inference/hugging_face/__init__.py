"""Runs in the format of Hugging Face: configuration, weights under their names, tokenizer."""
