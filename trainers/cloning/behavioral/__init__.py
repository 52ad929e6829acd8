"""The behavioural cloner: a random forest that learns the decisions of an expert."""
