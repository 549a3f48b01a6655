"""Write the first files of a repository, and the first policy of a fleet that runs already."""
