# What `devshell enter` has zsh read first, by ZDOTDIR. It gives ZDOTDIR back at once, so that zsh itself reads the
# user's files and keeps history and completion dumps where it always does, and puts the project's environment in once
# more after them, so that nothing in there hides the tools. Builtins only; what travels in the environment is copied,
# never evaluated.

# Defined before the user's files are read, so that no alias of theirs gets in; `builtin`, so that no function does.
function __devshell_inside {
  builtin emulate -L zsh
  builtin local __devshell_name __devshell_new __devshell_entry __devshell_rest __devshell_path
  builtin unfunction __devshell_inside

  for __devshell_name in ${(s: :)DEVSHELL_NAMES-}; do
    case $__devshell_name in
      ([0-9]* | *[^A-Za-z0-9_]*) continue ;;
      (PATH | DEVSHELL_* | __devshell_* | USERNAME) continue ;;
    esac
    # Unset what is not zsh's own first: an array would not be exported, and setting a number is arithmetic, which
    # would evaluate the value. Of what is zsh's own, numbers, arrays and what cannot be written stay.
    case ${(tP)__devshell_name} in
      (*readonly*) continue ;;
      (scalar*special*) ;;
      (*special*) continue ;;
      (*) builtin unset -v -- $__devshell_name ;;
    esac
    __devshell_new=DEVSHELL_NEW_$__devshell_name
    if [[ -v $__devshell_new ]]; then
      builtin export -- "$__devshell_name=${(P)__devshell_new}"
    else
      builtin unset -v -- $__devshell_name
    fi
  done

  if [[ -n ${DEVSHELL_PATH-} ]]; then
    # Each entry with a colon behind it, so that an empty last one counts and no entries are an empty text.
    __devshell_path=${PATH+$PATH:}
    __devshell_rest=$DEVSHELL_PATH:
    while [[ -n $__devshell_rest ]]; do
      __devshell_entry=${__devshell_rest%%:*}
      __devshell_rest=${__devshell_rest#*:}
      if [[ -n $__devshell_entry && :$__devshell_path == *":$__devshell_entry:"* ]]; then
        __devshell_path=:$__devshell_path
        __devshell_path=${__devshell_path%%":$__devshell_entry:"*}:${__devshell_path#*":$__devshell_entry:"}
        __devshell_path=${__devshell_path#:}
      fi
    done
    __devshell_path=$DEVSHELL_PATH:$__devshell_path
    builtin export PATH=${__devshell_path%:}
  fi
}

# Aliases and the like, which no environment brings; where the user's files have loaded the hook, it does that.
function __devshell_inside_hook {
  \builtin unfunction __devshell_inside_hook
  if (( ! ${+functions[__devshell_follow]} )); then
    __devshell_command=devshell
    \builtin source "$__devshell_hook"
    # This prompt's own hooks have been called already.
    __devshell_follow
  fi
}

# One block, read whole before the user's file can change how code is read.
{
  __devshell_hook=${ZDOTDIR-}/../hook.zsh
  if [[ -v DEVSHELL_ZDOTDIR ]]; then
    export ZDOTDIR=$DEVSHELL_ZDOTDIR
    unset DEVSHELL_ZDOTDIR
  else
    unset ZDOTDIR
  fi
  if [[ -o interactive ]]; then
    # Due at once, which is when the first prompt is about to show. Unlike a precmd hook, no rc file resets it.
    zmodload zsh/sched
    sched +0 __devshell_inside
    sched +0 __devshell_inside_hook
  fi
  if [[ -r ${ZDOTDIR-$HOME}/.zshenv ]]; then
    . ${ZDOTDIR-$HOME}/.zshenv
  fi
} always {
  [[ -o interactive ]] || __devshell_inside
}
