"""What the figures of docs/benchmarks.md are measured with; each module is a command of its own."""
