"""Benchmarks as ratios to a floor measured in the same, interleaved run. They hold no wall-clock promises."""
