"""What is paid for orders, and given back: each provider has a file of its own."""
