"""Text as token ids: found, tokenised once, cached and memory-mapped. It knows nothing of windows, models or torch."""
