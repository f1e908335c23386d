"""GPU devices: how they are asked for, and how an engine hands them over. One module a vendor."""
