"""How long a device takes for a batch: the table, its measurement and where it is kept."""
