"""Hold the checks that are run on every host through testinfra."""
