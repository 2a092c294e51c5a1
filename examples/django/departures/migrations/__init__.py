"""What `devshell run migrate` brings into the database."""
