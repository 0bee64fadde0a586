"""Order to cells and words: pure functions that know no widget."""
