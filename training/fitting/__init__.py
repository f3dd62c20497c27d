"""The slice network, the features and the BiLSTM, from pictures to logits of every slice."""
