"""AiiDA node types that cannot be stored invalid, and the door between nodes and core objects."""
