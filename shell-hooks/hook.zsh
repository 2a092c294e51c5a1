# The hook for zsh, from 5.3: puts a project's environment in on `cd` and at the prompt, and takes it out again.
#
# `devshell hook zsh` prints it behind a line that sets __devshell_command. At a prompt with nothing changed, on
# entering and on leaving: builtins only, no fork, no file written. What travels in the environment (DEVSHELL_*) is
# copied and compared, never evaluated; what is evaluated lives in variables that are made anew when this is loaded and
# are not exported. Rendered scripts only define things: all that acts is here.
#
# This is read in one piece, under the user's aliases: `\builtin` keeps those out, and functions named like builtins
# too. To zsh, tests, assignments and loops of nothing but these are next to free, while each builtin blocks and
# unblocks signals, as do lists in assignments, and each function call asks for memory: so the common way has few of
# these, and none in a loop. Lists are texts there, whose parts end with NUL, which no value holds.

# --- under the user's own options ------------------------------------------------------------------------------------

# After `cd`, so that `cd project && node` has the project's node; and at a prompt where something has changed. Sets
# nothing itself: under the option all_export, programs would see it.
__devshell_follow() {
  # A completion may call `cd` too, and changes nothing; neither does a project's own code, while it runs.
  if [[ -z ${compstate+set} && -z $__devshell_next ]]; then
    {
      while __devshell_step; do
        __devshell_run || \builtin true
      done
    } always {
      if [[ -n $__devshell_next ]]; then
        __devshell_stop
      fi
    }
  fi
}

# Runs a project's own code as the user would have typed it; what fails in it ends only itself.
__devshell_run() {
  {
    \builtin eval "$__devshell_code"
  } always {
    __devshell_go_on
  }
}

__devshell_stop() {
  \builtin emulate -L zsh
  __devshell_next=''
}

__devshell_go_on() {
  \builtin emulate -L zsh
  TRY_BLOCK_ERROR=0
}

# --- looking ---------------------------------------------------------------------------------------------------------

# Does what is next; true if __devshell_code is to be run before going on. What is common is written out in place.
__devshell_step() {
  \builtin emulate -L zsh -o no_aliases -o no_multibyte -o no_err_exit -o no_err_return -o no_xtrace -o no_verbose
  __devshell_code=''
  if [[ -z $__devshell_next ]]; then
    # Whatever ends this half-way, Ctrl-C or an error: the next prompt looks again.
    __devshell_pwd='' __devshell_target=stay __devshell_next=switch
    __devshell_here=${__devshell_heres[$PWD]-} __devshell_found=${__devshell_places[$PWD]-}
    __devshell_nearer=${__devshell_nearers[$PWD]-}
    __devshell_known=${__devshell_owns[$__devshell_found]-} __devshell_folder=${__devshell_known%/*}
    if [[ -n $__devshell_here && -z ${DEVSHELL_ENTERED+set} ]] &&
      \builtin eval "[[ . -ef \$__devshell_here$__devshell_nearer${__devshell_watches[$__devshell_found]-} ]]"; then
      # Been here before, and all is as it was.
      \builtin true
    else
      __devshell_known='' __devshell_folder=${__devshell_own%/*}
      __devshell_locate
    fi
    if [[ -z $__devshell_found ]]; then
      __devshell_root='' __devshell_watching=''
      __devshell_target=leave
    elif [[ -n $__devshell_known ]]; then
      __devshell_root=$__devshell_found __devshell_own=$__devshell_known __devshell_gave_up=''
      __devshell_project=$__devshell_states${__devshell_root%/}/.state
      __devshell_token=${__devshell_tokens[$__devshell_found]}
      __devshell_watching=${__devshell_watches[$__devshell_found]}
      if [[ $__devshell_own == $__devshell_failed ]]; then
        __devshell_target=leave
      elif [[ $__devshell_own != $__devshell_active || -n $__devshell_again || -z ${DEVSHELL_ROOT-} ]]; then
        __devshell_target=enter
      fi
    elif [[ $__devshell_found != $__devshell_root || -z $__devshell_own ]] ||
      ! \builtin eval "[[ -n x$__devshell_watching ]]"; then
      __devshell_look
    fi
    # Taken out can only be what is there: this shell's own, or of the one that it was started from.
    if [[ $__devshell_target == leave ]] &&
      [[ -z ${DEVSHELL_ROOT+set}${DEVSHELL_ENV+set}${DEVSHELL_NAMES+set}${DEVSHELL_PATH+set} ]]; then
      __devshell_target=stay
    fi
    if [[ $__devshell_target != stay && -n $__devshell_leaving ]]; then
      __devshell_code=$__devshell_leaving __devshell_leaving=''
      # The word of a denied project counts no more.
      if [[ ! -e $__devshell_denied ]]; then
        \builtin return 0
      fi
    fi
  fi
  if [[ $__devshell_next == switch ]]; then
    __devshell_next=settle __devshell_code=''
    if [[ $__devshell_target != stay ]]; then
      __devshell_before=${DEVSHELL_ENV-} __devshell_entered=${DEVSHELL_ENTERED-unset}
      if [[ -n ${DEVSHELL_ROOT+set}${DEVSHELL_ENV+set}${DEVSHELL_NAMES+set}${DEVSHELL_PATH+set} ]]; then
        if [[ -n $__devshell_quick ]] && __devshell_revert_$__devshell_quick; then
          __devshell_active='' __devshell_leaving='' __devshell_quick=''
        else
          __devshell_leave
        fi
      fi
      if [[ $__devshell_target == enter ]]; then
        __devshell_again='' __devshell_error='' __devshell_noted=''
        __devshell_enter_$__devshell_token
        __devshell_active=$__devshell_own __devshell_code=$__devshell_activate __devshell_leaving=$__devshell_deactivate
        __devshell_denied=$__devshell_project/denied
        if [[ -n $__devshell_error$__devshell_noted || $__devshell_entered != unset ]]; then
          __devshell_complete
        fi
        if [[ -n $__devshell_greeting && $__devshell_before != ${DEVSHELL_ENV-} &&
          -z ${DEVSHELL_QUIET-} && $ZSH_SUBSHELL == 0 && -z ${WIDGET+set} ]]; then
          \builtin print -u2 -r -- $__devshell_greeting
        fi
        if [[ -n $__devshell_code ]]; then
          \builtin return 0
        fi
      fi
    fi
  fi
  # The next prompt asks in one condition whether all is as it was found now.
  __devshell_condition='$PWD == "$__devshell_pwd" && . -ef "$__devshell_here" && -z $__devshell_again'
  if [[ -n ${DEVSHELL_ENTERED+set} ]]; then
    __devshell_condition='-z $__devshell_again'
  fi
  __devshell_condition+=$__devshell_nearer$__devshell_watching
  if [[ $__devshell_condition != $__devshell_asked ]]; then
    # Two are kept, so that going to and fro takes no reading.
    if [[ $__devshell_condition == $__devshell_other ]]; then
      __devshell_other=$__devshell_asked __devshell_turn=$(( 1 - __devshell_turn ))
    else
      __devshell_other=$__devshell_asked __devshell_turn=0
      # No text over two lines, for the option csh_junkie_quotes.
      __devshell_conditions="\$__devshell_turn == 0 && $__devshell_condition"
      if [[ -n $__devshell_other ]]; then
        __devshell_conditions+=" || \$__devshell_turn == 1 && $__devshell_other"
      fi
      \builtin eval "__devshell_prompt() { [[ $__devshell_conditions ]] || __devshell_follow; }"
    fi
    __devshell_asked=$__devshell_condition
  fi
  __devshell_pwd=$PWD __devshell_next=''
  \builtin return 1
}

# Sets __devshell_here (the physical folder), __devshell_found (the nearest project at or above it, or nothing), and
# __devshell_nearer (the tests that there is none nearer).
__devshell_locate() {
  __devshell_found='' __devshell_nearer='' __devshell_here=${PWD:A}
  if [[ -n ${DEVSHELL_ENTERED+set} && ${DEVSHELL_ROOT-} == /* && ${DEVSHELL_ROOT-}/ != */../* ]]; then
    # It stays in its project, wherever it goes.
    __devshell_found=$DEVSHELL_ROOT
    \builtin return
  fi
  # A symbolic link on the way has been switched, or the folder was moved: the system knows where this is. Where it does
  # not, as in a folder that is gone, the name has to do.
  if [[ ! . -ef $__devshell_here ]]; then
    \builtin local __devshell_cwd=/proc/self/cwd
    __devshell_cwd=${__devshell_cwd:A}
    if [[ . -ef $__devshell_cwd ]]; then
      __devshell_here=$__devshell_cwd
    fi
  fi
  \builtin local __devshell_climb=${__devshell_here%/} __devshell_up=''
  while [[ -n $__devshell_climb && ! -e $__devshell_climb/devshell.toml ]]; do
    __devshell_nearer+=" && ! -e ${__devshell_up}devshell.toml" __devshell_up+=../
    __devshell_climb=${__devshell_climb%/*}
  done
  if [[ -n $__devshell_climb || -e /devshell.toml ]]; then
    __devshell_found=${__devshell_climb:-/}
  else
    __devshell_nearer+=" && ! -e /devshell.toml"
  fi
  if (( $#__devshell_heres > 1000 )); then
    __devshell_heres=() __devshell_places=() __devshell_nearers=()
  fi
  __devshell_heres[$PWD]=$__devshell_here __devshell_places[$PWD]=$__devshell_found
  __devshell_nearers[$PWD]=$__devshell_nearer
}

# In a project that is new to the shell, or has changed: finds out whether its environment is to be put in
# (__devshell_target is `enter`), whether what is active is to be taken out (`leave`), or whether all stays (`stay`).
__devshell_look() {
  if [[ $__devshell_found != $__devshell_root ]]; then
    __devshell_gave_up='' __devshell_root=$__devshell_found
    __devshell_project=$__devshell_states${__devshell_root%/}/.state
  fi
  __devshell_ready || __devshell_waiting || __devshell_slowly
}

# Takes up a rendered script if it is there, the user's own, and fresh; sets __devshell_own if it is there at all.
__devshell_load() {
  __devshell_own='' __devshell_fresh='' __devshell_watching='' __devshell_token=''
  if [[ -f $1 && -O $1 && -r $1 ]]; then
    {
      \builtin source $1
    } always {
      TRY_BLOCK_ERROR=0
    }
  fi
  if [[ -n $__devshell_fresh && $#__devshell_young != 0 ]]; then
    __devshell_same
  else
    [[ -n $__devshell_fresh ]]
  fi
}

# Compares what is young by content, once: its time could not tell a second change from the first.
__devshell_same() {
  if [[ -n ${__devshell_said[same-$__devshell_own]-} ]]; then
    \builtin return 0
  fi
  \builtin local __devshell_file __devshell_reference
  for __devshell_file __devshell_reference in "${__devshell_young[@]}"; do
    if [[ ! -r $__devshell_file || ! -r $__devshell_reference ]] ||
      [[ "$(<$__devshell_file)" != "$(<$__devshell_reference)" ]]; then
      \builtin return 1
    fi
  done
  __devshell_said[same-$__devshell_own]=1
}

__devshell_ready() {
  # In a folder such as /tmp somebody else may have put a project of theirs where the user's was.
  if [[ ! -O ${__devshell_root%/}/devshell.toml && -z ${SUDO_UID-} ]]; then
    \builtin return 1
  fi
  __devshell_script=ready/zsh __devshell_stale=''
  if [[ -n ${DEVSHELL_ENTERED-} ]]; then
    # What is no name names nothing that there is.
    __devshell_script=ready.${DEVSHELL_ENTERED//[^A-Za-z0-9_-]/?}/zsh
  fi
  if ! __devshell_load $__devshell_project/$__devshell_script; then
    __devshell_stale=$__devshell_own
    \builtin return 1
  fi
  __devshell_gave_up=''
  if [[ -z ${DEVSHELL_ENTERED+set} ]]; then
    __devshell_learn
  fi
  if [[ $__devshell_own == $__devshell_failed ]]; then
    __devshell_target=leave
  elif [[ $__devshell_own != $__devshell_active || -n $__devshell_again || -z ${DEVSHELL_ROOT-} ]]; then
    __devshell_target=enter
  fi
}

# What was read once in this shell is not read again: a script that was replaced is gone from its place.
__devshell_learn() {
  \builtin local __devshell_old=${__devshell_tokens[$__devshell_root]-}
  if [[ -n $__devshell_old && $__devshell_old != $__devshell_token ]]; then
    \builtin unfunction __devshell_enter_$__devshell_old __devshell_revert_$__devshell_old
    if [[ $__devshell_old == $__devshell_quick ]]; then
      __devshell_quick=''
    fi
  fi
  __devshell_tokens[$__devshell_root]=$__devshell_token __devshell_owns[$__devshell_root]=$__devshell_own
  __devshell_watches[$__devshell_root]=$__devshell_watching
}

__devshell_waiting() {
  if ! __devshell_load $__devshell_project/waiting/zsh; then
    \builtin return 1
  fi
  __devshell_gave_up=''
  if [[ $__devshell_keep != 1 || ${DEVSHELL_ROOT-} != $__devshell_root ]]; then
    __devshell_target=leave
  fi
  if [[ -z ${__devshell_said[$__devshell_own]-} ]]; then
    __devshell_said[$__devshell_own]=1
    __devshell_say $__devshell_message
  fi
}

# Lets Python find out what has changed, and render what there is to act on or to say.
__devshell_slowly() {
  \builtin local __devshell_waits=$__devshell_own
  if [[ -n ${DEVSHELL_ENTERED+set} ]]; then
    \builtin true
  elif [[ -n ${WIDGET+set} ]]; then
    # One that changes folders leaves it to the prompt.
    __devshell_root='' __devshell_target=leave
    \builtin return
  elif [[ $__devshell_gave_up == $__devshell_root ]]; then
    # Ctrl-C stopped it the last time. What was there stays.
    \builtin true
  else
    if [[ -e $__devshell_project || ($ZSH_SUBSHELL == 0 && -z ${__devshell_said[$__devshell_root]-}) ]]; then
      __devshell_said[$__devshell_root]=1 __devshell_gave_up=$__devshell_root
      __devshell_refresh || \builtin true
      if __devshell_ready || __devshell_waiting; then
        \builtin return 0
      fi
      __devshell_waits=$__devshell_own
    fi
    __devshell_target=leave
  fi
  # Nothing was rendered: it was never allowed, or devshell itself failed. Not again until something is.
  __devshell_watching=''
  __devshell_absent ready $__devshell_stale
  __devshell_absent waiting $__devshell_waits
  __devshell_own=none
}

__devshell_refresh() {
  if [[ $ZSH_SUBSHELL == 0 ]]; then
    "$__devshell_command" -C "$__devshell_root" hook zsh --refresh </dev/null >/dev/null
  else
    DEVSHELL_QUIET=1 "$__devshell_command" -C "$__devshell_root" hook zsh --refresh </dev/null >/dev/null
  fi
}

# Adds to __devshell_watching that nothing new was rendered: the old script is still there, or still there is none.
__devshell_absent() {
  if [[ -n ${2-} ]]; then
    \builtin typeset -g __devshell_old_$1=$2
    __devshell_watching+=" && -e \"\$__devshell_old_$1\""
  else
    __devshell_watching+=" && ! -e \"\$__devshell_project/$1\""
  fi
}

__devshell_say() {
  if [[ -n $1 && -z ${DEVSHELL_QUIET-} && $ZSH_SUBSHELL == 0 && -z ${WIDGET+set} ]]; then
    \builtin print -u2 -r -- $1
  fi
}

# Ends an entering that was not a plain one: says what could not be done, and undoes it where that was too much.
__devshell_complete() {
  if [[ -n $__devshell_error ]]; then
    __devshell_failed=$__devshell_own __devshell_active='' __devshell_greeting='' __devshell_code=''
    __devshell_leave
    __devshell_say "devshell: not entered: $__devshell_error"
    __devshell_error=''
    \builtin return
  fi
  if [[ $__devshell_entered != unset ]]; then
    \builtin export DEVSHELL_ENTERED=$__devshell_entered
  fi
  if (( $#__devshell_untouched )); then
    if [[ $__devshell_before != ${DEVSHELL_ENV-} ]]; then
      __devshell_say $__devshell_greeting
      __devshell_greeting=''
    fi
    __devshell_say "devshell: left alone, since this shell does not let them be set: ${(j: :)__devshell_untouched}"
    __devshell_untouched=()
  fi
}

# --- what rendered scripts call, in the order of the plan ------------------------------------------------------------

# Keeps what a variable is before its first change; false if it cannot be changed. The commonest cases are also done in
# place by __devshell_set.
__devshell_hold() {
  if [[ -n ${__devshell_seen[$1]-} ]]; then
    \builtin return 0
  fi
  \builtin local __devshell_type=${(tP)1} __devshell_value="${(P)1}" __devshell_name
  case $__devshell_type in
    ('') ;;
    (*-local*)
      # The variable of a function that called `cd`: the prompt sees to it.
      __devshell_again=1
      \builtin return 1
      ;;
    # Of what is zsh's own, numbers and lists stay: setting a number is arithmetic, which would evaluate the value.
    (scalar-readonly* | *-readonly*)
      __devshell_untouched+=($1)
      \builtin return 1
      ;;
    (scalar*-special*) ;;
    (*-special*) \builtin return 1 ;;
    # The two faces of a list: without one, the other would be gone as well.
    (array*-tied*)
      __devshell_untouched+=($1)
      \builtin return 1
      ;;
    (scalar*-tied*)
      if [[ ${2-} == unset ]]; then
        __devshell_untouched+=($1)
        \builtin return 1
      fi
      ;;
    (scalar | scalar-export) ;;
    (*) __devshell_keep $1 $__devshell_type ;;
  esac
  if [[ $__devshell_type == *-export* ]]; then
    __devshell_marks+="DEVSHELL_OLD_$1=$__devshell_value"$'\0'
  fi
  if [[ -n ${__devshell_kept[flags-$1]-} ]]; then
    \builtin unset -v $1
  elif [[ $__devshell_type == scalar* && $__devshell_type != *-export* ]]; then
    __devshell_kept[value-$1]=$__devshell_value
    # An empty list, or a list of an empty entry: the text is the same.
    if [[ $__devshell_type == *-tied-special && -z $__devshell_value ]]; then
      __devshell_type=${(L)1}
      __devshell_kept[entries-$1]=${(P)#__devshell_type}
    fi
  fi
  __devshell_seen[$1]=1
}

# Keeps a variable that is more than a text: as the options that declare it, and its value without what they do to it.
__devshell_keep() {
  # Widths are in characters.
  \builtin setopt multibyte
  \builtin local __devshell_word __devshell_flags='' __devshell_digits=''
  \builtin local __devshell_width=$#__devshell_value
  for __devshell_word in ${(s:-:)2}; do
    case $__devshell_word in
      (integer)
        __devshell_flags+=' -i'
        if [[ $__devshell_value == *\#* ]]; then
          __devshell_flags+=${${__devshell_value%%\#*}#-}
        fi
        __devshell_kept[value-$1]=$(( $1 ))
        ;;
      (float)
        # How many digits are shown tells how many were asked for; ten are shown where nobody asked.
        if [[ $__devshell_value == *e* ]]; then
          __devshell_flags+=' -E'
          __devshell_digits=${${__devshell_value%%e*}//[^0-9]/}
        else
          __devshell_flags+=' -F'
          __devshell_digits=${__devshell_value##*.}
        fi
        if (( $#__devshell_digits != 10 )); then
          __devshell_flags+=$#__devshell_digits
        fi
        __devshell_kept[value-$1]=$(( $1 ))
        ;;
      (array)
        __devshell_flags+=' -a'
        \builtin set -A __devshell_array_$1 "${(@P)1}"
        ;;
      (association)
        __devshell_flags+=' -A'
        \builtin set -A __devshell_array_$1 "${(@kvP)1}"
        ;;
      (left) __devshell_flags+=" -L$__devshell_width" ;;
      (right_blanks) __devshell_flags+=" -R$__devshell_width" ;;
      (right_zeros) __devshell_flags+=" -Z$__devshell_width" ;;
      (lower) __devshell_flags+=' -l' ;;
      (upper) __devshell_flags+=' -u' ;;
      (tag) __devshell_flags+=' -t' ;;
      (unique) __devshell_flags+=' -U' ;;
      (hide) __devshell_flags+=' -h' ;;
      (hideval) __devshell_flags+=' -H' ;;
      (export) __devshell_flags+=' -x' ;;
    esac
  done
  if [[ $2 == scalar* ]]; then
    \builtin typeset -g +L +R +Z +l +u -- $1
    __devshell_kept[value-$1]=${(P)1}
  fi
  __devshell_kept[flags-$1]="$__devshell_flags "
}

__devshell_set() {
  __devshell_pairs='' __devshell_types=''
  for __devshell_name __devshell_value; do
    __devshell_types+=${(tP)__devshell_name}
    __devshell_pairs+="$__devshell_name=$__devshell_value"$'\0'
  done
  if [[ -n $__devshell_types || $#__devshell_pairs -gt 100000 ]]; then
    __devshell_pairs=''
    for __devshell_name __devshell_value; do
      if __devshell_hold $__devshell_name; then
        __devshell_measure $__devshell_name $__devshell_value
        __devshell_pairs+="$__devshell_name=$__devshell_value"$'\0'
      fi
    done
  else
    for __devshell_name __devshell_value; do
      __devshell_seen[$__devshell_name]=1
    done
  fi
  if [[ -n $__devshell_pairs ]]; then
    \builtin export -- ${(0)__devshell_pairs}
  fi
}

__devshell_default() {
  \builtin local __devshell_name=$1
  if [[ ${(P)+__devshell_name} == 0 ]]; then
    __devshell_set "$@"
  fi
}

__devshell_unset() {
  \builtin local __devshell_name
  for __devshell_name; do
    if __devshell_hold $__devshell_name unset; then
      \builtin unset -v $__devshell_name
    fi
  done
}

__devshell_prepend() {
  \builtin local __devshell_name=$1
  \builtin shift
  \builtin local -a __devshell_words
  # What comes out empty is left out: unquoted, an empty word is no word.
  __devshell_words=($@ ${(P)__devshell_name})
  if [[ -z ${(j::)@} ]]; then
    __devshell_hold $__devshell_name || \builtin true
  else
    __devshell_set $__devshell_name ${(j.:.)__devshell_words}
  fi
}

__devshell_extend() {
  \builtin local __devshell_name=$1
  if [[ -n ${(P)__devshell_name} ]]; then
    __devshell_prepend "$@"
  fi
}

# Our entries of PATH, each once, the latest in front. One call may come after another.
__devshell_path() {
  if [[ -z ${__devshell_kept[path]-} ]]; then
    __devshell_kept[path]=${+PATH} __devshell_path_before=${PATH-} __devshell_entries=()
    if [[ ${(t)PATH} == *-local* ]]; then
      __devshell_again=1
    fi
  fi
  __devshell_entries=($@ $__devshell_entries)
  if (( $#__devshell_entries )); then
    __devshell_value=${(j.:.)__devshell_entries}
    if [[ ${__devshell_kept[path]} == 1 ]]; then
      \builtin export DEVSHELL_PATH=$__devshell_value PATH=$__devshell_value:${__devshell_path_before}
    else
      \builtin export DEVSHELL_PATH=$__devshell_value PATH=$__devshell_value
    fi
    __devshell_path_after=$PATH
  fi
}

# Says that the variables are looked at one by one. Where none is there yet, a script sets all at once instead, and has
# as quick a way out (__devshell_quick).
__devshell_begin() {
  __devshell_untouched=() __devshell_seen=() __devshell_marks='' __devshell_noted=1 __devshell_quick=''
}

# What leaving needs travels with the variables: their names, in the order given here, and the values we gave.
__devshell_commit() {
  # Where nothing was there before and all is given, leaving is quick.
  __devshell_simple=1 __devshell_given=''
  if [[ -n "$__devshell_marks${(k)__devshell_kept[(I)(value|flags)-*]}" ]]; then
    __devshell_simple=0
  fi
  for __devshell_name; do
    if [[ -n ${__devshell_seen[$__devshell_name]-} ]]; then
      __devshell_given+=" $__devshell_name"
      if [[ -n ${(tP)__devshell_name} ]]; then
        __devshell_marks+="DEVSHELL_NEW_$__devshell_name=${(P)__devshell_name}"$'\0'
      else
        __devshell_simple=0
      fi
    fi
  done
  __devshell_marks+="DEVSHELL_NAMES=${__devshell_given# }"$'\0'
  if [[ $__devshell_simple == 0 || $# -gt 2000 || $#__devshell_marks -gt 100000 || $#PATH -gt 100000 ]]; then
    __devshell_large
  fi
  \builtin export -- ${(0)__devshell_marks}
}

__devshell_large() {
  \builtin local -a __devshell_names
  __devshell_names=(${(s: :)__devshell_given})
  if (( $#__devshell_names > 2000 )); then
    __devshell_error="it sets $#__devshell_names variables, and at most 2000 can be kept"
  fi
  for __devshell_name in ${(0)__devshell_marks} "PATH=${PATH-}"; do
    __devshell_measure ${__devshell_name%%=*} ${__devshell_name#*=}
  done
}

# No program starts with a longer variable: NAME=value and a NUL, in bytes (execve(2), MAX_ARG_STRLEN).
__devshell_measure() {
  if (( $#1 + $#2 + 2 > 131072 )); then
    __devshell_error="the variable ${1#DEVSHELL_(OLD|NEW)_} is larger than 128 KiB"
  fi
}

__devshell_alias() {
  \builtin local __devshell_name __devshell_value
  for __devshell_name __devshell_value; do
    if (( ${+aliases[$__devshell_name]} )); then
      __devshell_kept[alias-$__devshell_name]="-r $aliases[$__devshell_name]"
    elif (( ${+galiases[$__devshell_name]} )); then
      __devshell_kept[alias-$__devshell_name]="-g $galiases[$__devshell_name]"
    elif (( ${+dis_aliases[$__devshell_name]} )); then
      __devshell_kept[alias-$__devshell_name]="-rd $dis_aliases[$__devshell_name]"
    elif (( ${+dis_galiases[$__devshell_name]} )); then
      __devshell_kept[alias-$__devshell_name]="-gd $dis_galiases[$__devshell_name]"
    fi
    \builtin alias -- "$__devshell_name=$__devshell_value"
    __devshell_aliases[$__devshell_name]=$__devshell_value
  done
}

# FILE COMMAND …: the file is found where zsh looks for functions, and read when it is asked for.
__devshell_completions() {
  \builtin local __devshell_file __devshell_word
  \builtin local -aU __devshell_folders
  for __devshell_file __devshell_word; do
    __devshell_folders+=${__devshell_file:h}
  done
  __devshell_fpath_before=("${fpath[@]}") __devshell_ours=($__devshell_folders)
  fpath=($__devshell_folders "${fpath[@]}")
  __devshell_fpath_after=("${fpath[@]}")
  for __devshell_file __devshell_word; do
    __devshell_file=${__devshell_file:t}
    if [[ -z ${__devshell_kept[function-$__devshell_file]-} ]]; then
      __devshell_kept[function-$__devshell_file]=" ${functions[$__devshell_file]-}"
      if (( ${+functions[$__devshell_file]} )); then
        \builtin unfunction -- $__devshell_file
      fi
      \builtin autoload -Uz -- $__devshell_file
    fi
    # Where compinit has not run, it will find the folder.
    if [[ ${(t)_comps} == association* ]]; then
      __devshell_completing[$__devshell_word]=$__devshell_file
      if (( ${+_comps[$__devshell_word]} )); then
        __devshell_kept[completion-$__devshell_word]=" ${_comps[$__devshell_word]}"
      fi
      _comps[$__devshell_word]=$__devshell_file
    fi
  done
}

# --- leaving ---------------------------------------------------------------------------------------------------------

# Takes out what is active, whoever put it in: this shell, or the one it was started from.
__devshell_leave() {
  if [[ -z $__devshell_active ]]; then
    __devshell_simple=0
  fi
  if [[ $__devshell_simple == 1 ]]; then
    for __devshell_name in ${(s: :)__devshell_given}; do
      if [[ ${(tP)__devshell_name} != scalar-export ||
        ${(P)__devshell_name} != "${(P)${:-DEVSHELL_NEW_$__devshell_name}}" ]]; then
        __devshell_simple=0
      fi
    done
  fi
  __devshell_gone=()
  if [[ $__devshell_simple == 1 ]]; then
    __devshell_gone=(${(s: :)__devshell_given} ${(s: :)__devshell_given// / DEVSHELL_NEW_})
  else
    __devshell_restore
  fi
  if [[ -n ${__devshell_path_after} && ${PATH-} == "${__devshell_path_after}" ]]; then
    if [[ ${__devshell_kept[path]} == 1 ]]; then
      PATH=${__devshell_path_before}
    else
      \builtin unset -v PATH
    fi
  elif [[ -n ${DEVSHELL_PATH-} ]]; then
    __devshell_unpath
  fi
  if (( $#__devshell_aliases )); then
    __devshell_unalias
  fi
  if (( $#__devshell_ours )); then
    __devshell_uncomplete
  fi
  # Of an environment that came from elsewhere, more may travel than its list says.
  if [[ -z $__devshell_active ]]; then
    \builtin unset -m 'DEVSHELL_(OLD|NEW)_*'
  fi
  \builtin unset -v DEVSHELL_{ROOT,ENV,PROMPT,ENTERED,NAMES,PATH} $__devshell_gone
  __devshell_kept=() __devshell_active='' __devshell_leaving='' __devshell_quick='' __devshell_path_after=''
}

# Gives each variable its earlier value, unless the user has changed it since.
__devshell_restore() {
  \builtin local __devshell_new __devshell_old __devshell_type
  \builtin local -a __devshell_names __devshell_back
  if [[ -n $__devshell_error ]]; then
    # What was put in just now goes, whatever it was too much of.
    __devshell_names=(${(s: :)__devshell_given})
  else
    if (( ${#DEVSHELL_NAMES} > 131072 )); then
      \builtin return
    fi
    __devshell_names=(${(s: :)DEVSHELL_NAMES-})
    if (( $#__devshell_names > 2000 )); then
      \builtin return
    fi
  fi
  for __devshell_name in $__devshell_names; do
    case $__devshell_name in
      ([0-9]* | *[^ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_]*) \builtin continue ;;
      (DEVSHELL_* | __devshell_* | PATH | PWD | OLDPWD | SHLVL | _ | PS[123]) \builtin continue ;;
      (BASHOPTS | SHELLOPTS | COLUMNS | LINES | USERNAME) \builtin continue ;;
    esac
    __devshell_new=DEVSHELL_NEW_$__devshell_name
    __devshell_old=DEVSHELL_OLD_$__devshell_name
    __devshell_type=${(tP)__devshell_name}
    __devshell_gone+=($__devshell_new $__devshell_old)
    # We only ever gave a text, or took the variable away.
    case $__devshell_type in
      ('') [[ ${(P)+__devshell_new} == 0 ]] || \builtin continue ;;
      (*-readonly*) \builtin continue ;;
      (scalar*-export*)
        [[ ${(P)+__devshell_new} == 1 && ${(P)__devshell_name} == "${(P)__devshell_new}" ]] || \builtin continue
        ;;
      (*) \builtin continue ;;
    esac
    if [[ -n ${__devshell_kept[flags-$__devshell_name]-} ]]; then
      __devshell_declare $__devshell_name
    elif [[ ${(P)+__devshell_old} == 1 ]]; then
      __devshell_back+=("$__devshell_name=${(P)__devshell_old}")
    elif (( ${+__devshell_kept[value-$__devshell_name]} )); then
      \builtin typeset -g +x -- "$__devshell_name=${__devshell_kept[value-$__devshell_name]}"
      if [[ ${__devshell_kept[entries-$__devshell_name]-} == 0 ]]; then
        \builtin set -A ${(L)__devshell_name}
      fi
    else
      __devshell_gone+=$__devshell_name
    fi
  done
  if (( $#__devshell_back )); then
    \builtin export -- "${__devshell_back[@]}"
  fi
}

# Declares a variable as __devshell_keep found it.
__devshell_declare() {
  \builtin unset -v $1
  case ${__devshell_kept[flags-$1]} in
    (*' -'[aA]' '*)
      \builtin typeset -g ${(s: :)__devshell_kept[flags-$1]} -- $1
      \builtin local __devshell_array=__devshell_array_$1
      \builtin set -A $1 "${(@P)__devshell_array}"
      \builtin unset -v $__devshell_array
      ;;
    (*) \builtin typeset -g ${(s: :)__devshell_kept[flags-$1]} -- "$1=${__devshell_kept[value-$1]}" ;;
  esac
}

# Takes our entries out of PATH, the first of each, and leaves everybody else's as they are.
__devshell_unpath() {
  if (( ! ${+PATH} || $#DEVSHELL_PATH > 131072 )); then
    \builtin return
  fi
  \builtin local __devshell_entry
  \builtin local -a __devshell_left
  \builtin local -A __devshell_pending
  for __devshell_entry in ${(s.:.)DEVSHELL_PATH}; do
    __devshell_pending[x$__devshell_entry]=$(( ${__devshell_pending[x$__devshell_entry]-0} + 1 ))
  done
  # An empty PATH is one empty entry, and what is split needs one entry not to be none.
  for __devshell_entry in "${(@s.:.)PATH}"; do
    if (( ${__devshell_pending[x$__devshell_entry]-0} )); then
      __devshell_pending[x$__devshell_entry]=$(( ${__devshell_pending[x$__devshell_entry]} - 1 ))
    else
      __devshell_left+=("$__devshell_entry")
    fi
  done
  if (( $#__devshell_left )); then
    PATH=${(j.:.)__devshell_left}
  else
    \builtin unset -v PATH
  fi
}

__devshell_unalias() {
  \builtin local __devshell_old
  for __devshell_name in ${(k)__devshell_aliases}; do
    if (( ! ${+aliases[$__devshell_name]} )) ||
      [[ $aliases[$__devshell_name] != "$__devshell_aliases[$__devshell_name]" ]]; then
      \builtin continue
    fi
    __devshell_old=${__devshell_kept[alias-$__devshell_name]-}
    case $__devshell_old in
      ('') \builtin unalias -- $__devshell_name ;;
      (-r*) \builtin alias -- "$__devshell_name=${__devshell_old#* }" ;;
      (*) \builtin alias -g -- "$__devshell_name=${__devshell_old#* }" ;;
    esac
    if [[ $__devshell_old == -?d* ]]; then
      \builtin disable -a -- $__devshell_name
    fi
  done
  __devshell_aliases=()
}

__devshell_uncomplete() {
  for __devshell_name in ${(k)__devshell_completing}; do
    if [[ ${_comps[$__devshell_name]-} == "${__devshell_completing[$__devshell_name]}" ]]; then
      if [[ -n ${__devshell_kept[completion-$__devshell_name]-} ]]; then
        _comps[$__devshell_name]=${__devshell_kept[completion-$__devshell_name]# }
      else
        \builtin unset "_comps[$__devshell_name]"
      fi
    fi
  done
  if [[ "${(@pj:\0:)fpath}" == "${(@pj:\0:)__devshell_fpath_after}" ]]; then
    fpath=("${__devshell_fpath_before[@]}")
  else
    \builtin local __devshell_at
    for __devshell_name in $__devshell_ours; do
      __devshell_at=${fpath[(ie)$__devshell_name]}
      fpath[$__devshell_at]=()
    done
  fi
  for __devshell_name in ${${(M)${(k)__devshell_kept}:#function-*}#function-}; do
    if (( ${+functions[$__devshell_name]} )); then
      \builtin unfunction -- $__devshell_name
    fi
    case ${__devshell_kept[function-$__devshell_name]} in
      (' ') ;;
      # What was not read yet is again to be read when it is asked for; zsh tells of all flags but -z.
      (' builtin autoload -X'*)
        \builtin autoload -z${${__devshell_kept[function-$__devshell_name]#* -X}%%[^A-Za-z]*} -- $__devshell_name
        ;;
      (*) functions[$__devshell_name]=${__devshell_kept[function-$__devshell_name]# } ;;
    esac
  done
  __devshell_completing=() __devshell_ours=() __devshell_fpath_before=() __devshell_fpath_after=()
}

# --- loading ---------------------------------------------------------------------------------------------------------

__devshell_start() {
  \builtin emulate -L zsh
  \builtin setopt extended_glob no_aliases no_err_exit no_err_return
  \builtin local __devshell_name
  # An associative array cannot have come from the environment: loaded already, as when an rc file is read a second
  # time, which may have taken the functions away.
  if [[ ${(t)__devshell_said} != association* ]]; then
    \builtin unset -m '__devshell_*~__devshell_command'
    for __devshell_name in kept said seen aliases completing heres places nearers tokens owns watches; do
      \builtin typeset -gA __devshell_$__devshell_name
    done
    for __devshell_name in young gone untouched ours fpath_before fpath_after; do
      \builtin typeset -ga __devshell_$__devshell_name
    done
    \builtin typeset -gaU __devshell_entries
    for __devshell_name in next code target pwd here found nearer watching own fresh root project stale asked \
      condition known token noted quick other conditions path_before path_after simple name value types pairs \
      marks given before entered script active failed gave_up again error leaving denied greeting message keep \
      activate deactivate folder; do
      \builtin typeset -g __devshell_$__devshell_name=''
    done
    \builtin typeset -g __devshell_turn=0
    __devshell_prompt() { __devshell_follow; }

    # As devshell/paths.py has it.
    \builtin typeset -g __devshell_states=${DEVSHELL_STATE_DIR-}
    if [[ $__devshell_states != /* ]]; then
      __devshell_states=${XDG_STATE_HOME-}
      if [[ $__devshell_states != /* ]]; then
        __devshell_states=~/.local/state
      fi
      __devshell_states+=/devshell
    fi
    __devshell_states+=/projects
  fi
  \builtin typeset -g +x __devshell_command
  # In front of other prompt tools, so that they see the project.
  \builtin typeset -ga precmd_functions chpwd_functions
  precmd_functions=(__devshell_prompt ${precmd_functions:#__devshell_prompt})
  chpwd_functions=(__devshell_follow ${chpwd_functions:#__devshell_follow})
}

# Without opening parentheses, which the option sh_glob does not know.
case $ZSH_VERSION in
  [0-4].* | 5.[0-2] | 5.[0-2][.-]*)
    \builtin print -u2 -r -- "devshell: this is zsh $ZSH_VERSION, and the hook needs 5.3 or newer"
    ;;
  *)
    if [[ -o interactive ]]; then
      __devshell_start
    fi
    ;;
esac
