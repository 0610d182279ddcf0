"""What a caller may do, what a text wants of a model, what happens to what is found: text and a policy in,
verdicts out.

Nothing here opens a file, waits or knows a provider. Weights and loaded models are handed in.
"""
