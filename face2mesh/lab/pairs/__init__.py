"""Training pairs: labelled photos with their fits, and rendered heads."""
