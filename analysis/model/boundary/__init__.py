"""What crosses the edge of the program: fields read and refused, files, journals, command lines, provenance."""
