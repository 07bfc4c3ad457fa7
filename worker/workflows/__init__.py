"""Durable workflows: how they are declared, and the engine that carries their runs on."""
