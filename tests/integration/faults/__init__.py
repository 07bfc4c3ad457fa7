"""The tools that make faults: each does what it promises."""
