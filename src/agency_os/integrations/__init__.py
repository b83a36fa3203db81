"""One provider a file: the client, the check of its webhooks' signatures, and the reading of its events.

Results and errors carry the provider's cost units; errors say whether the request was accepted, not accepted, or
unknown.
"""
