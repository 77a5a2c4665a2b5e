"""Plain images: folders, stacks, collages."""
