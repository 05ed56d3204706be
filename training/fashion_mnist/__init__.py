"""Fashion-MNIST: the three published networks, and ours."""
