"""What people ask for, one file a noun."""
