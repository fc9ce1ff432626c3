"""The data: the network store, its readers and writers, co-expression."""
