"""One machine: the embedded services, their supervisor and the demo's driver. Starts the others as processes."""
