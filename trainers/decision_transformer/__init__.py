"""The Decision Transformer: a trader's actions from the return that is still to come, states and earlier actions."""
