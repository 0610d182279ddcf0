"""What a caller may do and what happens to what is found: text and a policy in, verdicts out."""
