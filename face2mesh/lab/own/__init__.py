"""Own sculpts: a model taught by a few people, from the packaged one or from scratch (see docs/own-sculpts.md)."""
