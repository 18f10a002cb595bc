"""What can be wrong with a table: one module for each kind of evidence, on one small value, `Finding`."""
