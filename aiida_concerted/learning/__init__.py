"""Committee deviation, candidate selection and stopping rules."""
