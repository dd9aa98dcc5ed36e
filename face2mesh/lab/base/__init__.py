"""Makes the base head from its sources."""
