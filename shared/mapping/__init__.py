"""From a body to the typed fields of an action: evaluation, conversion, all faults by name."""
