"""An action of one's own."""
