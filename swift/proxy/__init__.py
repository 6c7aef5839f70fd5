"""The proxy server: from a client request to the nodes that hold the data, and back."""
