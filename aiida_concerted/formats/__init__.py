"""One module a file format: text or binary in, arrays out, and back."""
