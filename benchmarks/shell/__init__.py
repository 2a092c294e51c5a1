"""What a person feels of devshell in a shell, next to direnv, mise and nix: prompts, `cd`, `exec`, a new shell."""
