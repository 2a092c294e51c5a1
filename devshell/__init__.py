"""devshell gives every project its own tools."""

__version__ = "0.1.0"
