"""One repository and one .sql file per aggregate of the ledger."""
