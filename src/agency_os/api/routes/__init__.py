"""One noun a file; a router each."""
