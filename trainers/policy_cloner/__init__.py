"""The model type `policy_cloner`: bars and headlines of a symbol in, the signals of its policy out."""
