"""The raw zone: table contracts, append-only Parquet, request ledger, quarantine."""
