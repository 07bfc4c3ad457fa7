"""Real PostgreSQL and Kafka as child processes, for `make run` and the tests."""
