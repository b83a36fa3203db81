"""Agency OS books sales meetings for Australian marketing agencies. See docs/architecture.md for the house."""
