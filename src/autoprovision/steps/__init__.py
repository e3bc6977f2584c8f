"""What workflows do: one file a resource, an action and its undo in one file."""
