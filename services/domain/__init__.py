"""Pure rules of recruiting: no I/O, no clock, no settings."""
