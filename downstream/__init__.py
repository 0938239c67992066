"""What an encoder is good for: tasks with labels, solved on its embeddings."""
