"""What a GLB is made of: its buffer, its vertices, its materials, its bones."""
