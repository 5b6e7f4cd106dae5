"""Scaling laws of sweeps: which of their runs a law is fitted to, and a fit as tables, figures and a page."""
