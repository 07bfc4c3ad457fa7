"""Traffic that keeps a journal, faults to inject meanwhile, and the check of every event after."""
