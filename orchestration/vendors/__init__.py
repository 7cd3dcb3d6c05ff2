"""One module per vendor: a request goes in, an Answer with typed tables comes out."""
