"""How much: parameters, FLOPs, budget matching, plans. Integer arithmetic on specs; no torch, no services."""
