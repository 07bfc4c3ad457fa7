"""The queue on Apache Kafka, over aiokafka."""
