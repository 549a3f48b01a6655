"""Hold one module per verb."""
