"""How runs are driven: who may drive, the loop, and what a kind of work must look like."""
