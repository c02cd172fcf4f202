"""What the product does, apart from how it is shown."""
