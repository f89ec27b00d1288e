"""Arrays in, arrays out: the numbers behind every method, one series a row, NaN as padding."""
