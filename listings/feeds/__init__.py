"""Feeds: what everybody may know of a product, in the formats that other catalogues and tools read."""
