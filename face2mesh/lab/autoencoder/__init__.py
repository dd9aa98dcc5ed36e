"""The mesh autoencoder against PCA and the classical network: meshes, training, measures."""
