"""The store: units, categories, products and their stock."""
