"""Start TensorFlow and Keras; the only folder that uses their private names, one file for each library."""
