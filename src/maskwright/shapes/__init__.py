"""From masks to objects, and from objects to polygons in files."""
