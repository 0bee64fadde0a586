"""Keys at rest: the master key, sealing and opening, prints for finding duplicates, imports of batches."""
