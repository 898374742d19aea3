"""The local cloud: everything that EatIt needs around its functions, run on one machine without an account."""
