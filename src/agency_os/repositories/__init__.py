"""Every query of Agency OS, one noun a file. Nothing here begins or commits a transaction: the edge does."""
