"""The command line: each command is a module with one function named ``command``."""
