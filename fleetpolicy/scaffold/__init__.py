"""Write the first files of a repository, and the first policy of a fleet that runs already."""

from fleetpolicy.scaffold.repository import lay_out

__all__ = ["lay_out"]
