"""The architectures as nn.Modules, one a file, built from a spec. They know nothing of training."""
