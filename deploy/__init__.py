"""Running Postern: locally, in containers, observed."""
