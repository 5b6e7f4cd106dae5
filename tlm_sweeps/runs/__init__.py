"""What happened: the ledger, records, run folders, provenance, export."""
