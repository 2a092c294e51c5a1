# shellcheck shell=bash
# What `devshell doctor` has an interactive bash say of itself, after the user's rc file: a word and what it is about on
# each line. Builtins only.

if builtin declare -F __devshell_prompt >/dev/null; then
  builtin printf 'loaded\n'
fi
# A text holds one command after the other, an array one in each element.
for __devshell_one in "${PROMPT_COMMAND[@]}"; do
  while IFS=$' \t' builtin read -r __devshell_two; do
    if [[ -n $__devshell_two ]]; then
      builtin printf 'prompt %s\n' "$__devshell_two"
    fi
  done <<<"${__devshell_one//;/$'\n'}"
done
if builtin alias cd >/dev/null 2>&1; then
  builtin printf 'cd alias\n'
elif __devshell_one=$(builtin declare -f cd) && [[ $__devshell_one != *__devshell_* ]]; then
  builtin printf 'cd function\n'
fi
