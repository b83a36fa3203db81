"""The HTTP edge: webhooks in, the unsubscribe page, health. Each request opens and commits its own transaction."""
