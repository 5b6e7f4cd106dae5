"""Several fine-tuned runs that answer together, and what they cost beside one deep model."""
