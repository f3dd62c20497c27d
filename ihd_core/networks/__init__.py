"""The CNNs and the BiLSTM as torch modules, and weights that others saved."""
