"""Write the first files of a repository, and the first policy of a fleet that runs already."""

from fleetpolicy.scaffold.first_policy import FirstPolicy, write_first_policy
from fleetpolicy.scaffold.repository import lay_out

__all__ = ["FirstPolicy", "lay_out", "write_first_policy"]
