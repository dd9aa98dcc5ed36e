"""The networks: mesh decoders and photo encoder."""
