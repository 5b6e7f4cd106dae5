"""One run: windows, optimizer, evaluation, loop, checkpoints. It knows no search, no ledger and no tracker."""
