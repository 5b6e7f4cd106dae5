"""The two studies that the project starts from: their published numbers and claims beside what our records say."""
