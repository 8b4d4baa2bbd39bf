"""Visual input of a network: people tracked through a video, boxes and embeddings on the label grid."""
