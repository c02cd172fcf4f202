"""Renderers: a record in, components out."""
