"""What a number format changes: laws, texts and answers of one target in several formats, side by side."""
