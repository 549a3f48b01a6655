"""Put the stages in order; the only floor that knows several of them."""
