"""The ledger: every send's claim, gate and record, each in one transaction."""
