# shellcheck shell=bash
# What `devshell enter` gives bash as its rc file: the user's own, and after it the project's environment once more, so
# that nothing in there hides the tools. Builtins only; what travels in the environment is copied, never evaluated.

# Defined before the user's file is read, so that no alias of theirs gets in; `builtin`, so that no function does.
__devshell_enter() {
  builtin local __devshell_name __devshell_new __devshell_entry __devshell_rest __devshell_path

  # Cut by hand: the user's file may have changed IFS, globbing and more.
  __devshell_rest="${DEVSHELL_NAMES-} "
  while [[ -n $__devshell_rest ]]; do
    __devshell_name=${__devshell_rest%%" "*}
    __devshell_rest=${__devshell_rest#*" "}
    case $__devshell_name in
      # Letters one by one: a range takes in others in some locales.
      '' | [0-9]* | *[!ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_]*) builtin continue ;;
      PATH | DEVSHELL_* | __devshell_*) builtin continue ;;
    esac
    __devshell_new=DEVSHELL_NEW_$__devshell_name
    # Unset first: an array would not be exported, and setting a number is arithmetic, which would evaluate the value.
    if builtin unset -v "$__devshell_name" 2>/dev/null && [[ -n ${!__devshell_new+set} ]]; then
      builtin export "$__devshell_name=${!__devshell_new}"
    fi
  done

  if [[ -n ${DEVSHELL_PATH-} ]]; then
    # Each entry with a colon behind it, so that an empty last one counts and no entries are an empty text.
    __devshell_path=${PATH+"$PATH:"}
    __devshell_rest="$DEVSHELL_PATH:"
    while [[ -n $__devshell_rest ]]; do
      __devshell_entry=${__devshell_rest%%:*}
      __devshell_rest=${__devshell_rest#*:}
      if [[ -n $__devshell_entry && ":$__devshell_path" == *":$__devshell_entry:"* ]]; then
        __devshell_path=":$__devshell_path"
        __devshell_path="${__devshell_path%%":$__devshell_entry:"*}:${__devshell_path#*":$__devshell_entry:"}"
        __devshell_path=${__devshell_path#:}
      fi
    done
    __devshell_path="$DEVSHELL_PATH:$__devshell_path"
    builtin export PATH="${__devshell_path%:}"
  fi
}

if [[ -r ~/.bashrc ]]; then
  # shellcheck source=/dev/null
  . ~/.bashrc
fi

# Guarded, as the user's file may have said `set -e`.
\__devshell_enter || \builtin true
\builtin unset -f __devshell_enter

# Aliases and the like, which no environment brings; where the user's file has loaded the hook, it does that.
if [[ $- == *i* ]] && ! \builtin declare -F __devshell_prompt >/dev/null; then
  __devshell_command=devshell
  # shellcheck source=shell-hooks/hook.bash
  \builtin source "${BASH_SOURCE[0]%/*}/hook.bash"
fi
