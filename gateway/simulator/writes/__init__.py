"""What was said in, bodies, streams and errors out, one file a dialect, as odd as the real ones are."""
