"""The light threat detector: trained, measured and timed."""
