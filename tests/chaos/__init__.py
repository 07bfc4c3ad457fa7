"""The whole system under signed traffic and a seeded schedule of faults, judged event by event."""
