"""VS Code and what is made of it: which of them are here, devshell's extension for them, and a project's settings."""
