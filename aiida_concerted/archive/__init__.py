"""Archives that can be shared: made without licensed text, read without importing, checked by computing again."""
