"""The demo shop: a food shop of made-up goods in two warehouses, and how it is put into a running EatIt."""
