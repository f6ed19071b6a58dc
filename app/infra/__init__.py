"""Redis, MySQL, Kafka and HTTP: the only modules that open a connection."""
