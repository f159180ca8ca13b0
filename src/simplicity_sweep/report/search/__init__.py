"""What a search tried and found."""
