"""How do TensorFlow and Keras run? The only rooms that touch what these libraries keep private, one file a library."""
