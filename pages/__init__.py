"""What a person sees: layouts without any reading or writing of data."""
