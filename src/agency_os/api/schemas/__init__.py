"""What requests and answers look like, one noun a file. Every limit of a field stands here: OpenAPI tells them."""
