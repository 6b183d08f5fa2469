"""What training word vectors costs, beside TensorFlow and gensim, as ratios within one run."""
