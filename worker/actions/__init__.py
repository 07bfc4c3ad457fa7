"""Direct actions: the registry and one file per entity."""
