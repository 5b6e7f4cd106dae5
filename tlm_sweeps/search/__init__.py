"""Engines, the coordinator and its workers: the one place where all rooms meet."""
