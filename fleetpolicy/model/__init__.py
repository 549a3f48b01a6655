"""Hold the types that stages hand to each other."""
