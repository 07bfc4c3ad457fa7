"""The program that consumes deliveries, runs their handlers, relays the outbox and keeps house."""
