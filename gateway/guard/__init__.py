"""What a request or an answer says, judged: text and a policy in, a verdict out.

Nothing here opens a file, waits or knows a provider. Weights and loaded models are handed in.
"""
