"""Who may do what, decided purely: what a decision needs, time included, is an argument.

`keys` says who is calling and whose key the provider is to see; `breaker` whether something that fails is
worth another call, `retry` whether this request is, `balance` who of several is asked; `cache` keeps answers.
"""
