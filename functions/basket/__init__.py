"""The basket: what a guest or a user means to buy, at present prices."""
