"""Embedders of older work, to compare ours with: a face-recognition CNN, VGG16, an autoencoder, FaceNet, plain CNNs."""
