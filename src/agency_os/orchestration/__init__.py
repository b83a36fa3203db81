"""Background work on Prefect, at the grain of ticks and batches. Importing this package does not import Prefect."""
