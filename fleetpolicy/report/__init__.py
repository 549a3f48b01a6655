"""Write products of the stages as text or JSON."""
