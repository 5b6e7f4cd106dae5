"""From records to statistics, figures and one self-contained HTML page. Never torch, W&B or the ledger itself."""
