"""Pictures of every step, each by a command."""
