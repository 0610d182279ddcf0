"""Where things wait: the listener, the handlers, the connections to providers.

Together with `gateway.store` the only folder that awaits, logs or reads a clock. What is decided is decided
in the pure folders below; here it is carried out.
"""
