"""Keras layers and models, in Keras layers and `keras.ops` alone."""
