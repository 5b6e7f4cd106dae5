"""tlm_sweeps: for this many training FLOPs, which tiny language model is best?"""

__version__ = "0.1.0"
