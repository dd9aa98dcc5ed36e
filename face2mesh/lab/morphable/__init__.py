"""How good a morphable model is: what it can make of people it never saw, and what it makes by itself."""
