"""Requests in, what they ask for out, one file a dialect. What a provider refuses is refused in its words."""
