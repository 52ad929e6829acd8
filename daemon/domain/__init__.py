"""What a desk is about, free of databases, processes and the network."""
