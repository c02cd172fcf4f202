"""One shared limiter for every paid provider; imports nothing else of the product."""
