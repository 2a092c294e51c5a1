# What `devshell doctor` has an interactive zsh say of itself, after the user's rc files: a word and what it is about on
# each line. Builtins only.

() {
  builtin emulate -L zsh
  if (( ${+functions[__devshell_prompt]} )); then
    builtin print -r -- loaded
  fi
  if (( ${#precmd_functions} )); then
    builtin printf 'prompt %s\n' "$precmd_functions[@]"
  fi
}
