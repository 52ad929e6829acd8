"""The model type `decision_transformer`: a trader's markets in, the signals of its model out."""
