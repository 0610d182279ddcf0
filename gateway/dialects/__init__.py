"""Wire formats: frames to events and back, bodies to requests and back; one folder a dialect.

A dialect says what each string of its JSON is (text, JSON in a string, never touched) and knows nothing of
who speaks it: URLs, keys and quirks are rows in `gateway.providers`.
"""
