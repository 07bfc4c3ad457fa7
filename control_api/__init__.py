"""The program that admins talk to: webhooks, secrets, samples, deliveries, replays."""
