"""The two kinds of handler: direct actions and workflows."""
