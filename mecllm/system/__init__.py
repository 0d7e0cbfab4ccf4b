"""What is decided: the network, the model of Section 3, the constraints (9), and solutions."""
