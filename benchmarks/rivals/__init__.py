"""Scripts of ours that run with an interpreter of the rivals; nothing here imports tlm_sweeps."""
