"""The program for admins: webhooks, secrets, samples, deliveries, replay."""
