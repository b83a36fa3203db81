"""Hot paths beside a physical limit or a peer: ``python -m benchmarks`` (DESIGN section 15)."""
