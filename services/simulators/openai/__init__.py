"""A simulated OpenAI-compatible API: chat completions, embeddings and the list of models."""
