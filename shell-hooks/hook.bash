# shellcheck shell=bash
# Rendered scripts define what is read here, and functions are called by names that are put together.
# shellcheck disable=SC2034,SC2154,SC2329
# Aliases are meant to be set to what a variable holds now.
# shellcheck disable=SC2139
#
# The hook for bash, from 4.4: puts a project's environment in on `cd` and at the prompt, and takes it out again.
#
# `devshell hook bash` prints it behind a line that sets __devshell_command. At a prompt with nothing changed, on
# entering and on leaving: builtins only, no fork, no file written. What travels in the environment (DEVSHELL_*) is
# copied and compared, never evaluated; what is evaluated (conditions, deactivate code, kept declarations) lives in
# variables that are emptied when this is loaded. Rendered scripts only define things: all that acts is here.
#
# `builtin` stands in front of whatever the user may have a function for; the words of its arguments are split, those of
# a plain assignment are not. No alias gets in, as they are off while this and the rendered scripts are read.

__devshell_expand=$-
\builtin shopt -q expand_aliases && __devshell_expand+=+
\builtin shopt -u expand_aliases
\builtin set +aku

# --- looking ---------------------------------------------------------------------------------------------------------
# bash takes a microsecond or two for each command, so where every prompt and every `cd` comes by, commands are few.

# At each prompt. That nothing changed is the rule: then one condition says so, which the last look has put together.
__devshell_prompt() {
  builtin set -- "$?"
  "$__devshell_check" || __devshell_look
  builtin return "$1"
}

# After `cd`, so that `cd project && node` has the project's node. A completion may call `cd` too, and changes nothing;
# nor does a project's own code.
__devshell_moved() {
  [[ -n ${COMP_LINE+set}${__devshell_running-} ]] || "$__devshell_check" || __devshell_look
}

__devshell_look() {
  # shellcheck disable=SC2050  # with nocasematch, a is A
  [[ $- != *[aku]* && a != A ]] || __devshell_calm
  __devshell_follow || builtin true
  [[ -z $__devshell_calmed ]] || __devshell_uncalm
}

# What would change the meaning of our code is off meanwhile: not by `local -`, which would also take back what a
# project's own code sets. (`set -e` has no effect on what stands in front of `||`.)
__devshell_calm() {
  builtin set -- "$-"
  builtin set +aku
  __devshell_calmed=+$1
  if builtin shopt -q nocasematch; then
    __devshell_calmed+=+
    builtin shopt -u nocasematch
  fi
}

__devshell_uncalm() {
  builtin set -- "$__devshell_calmed"
  __devshell_calmed=''
  [[ $1 != *+ ]] || builtin shopt -s nocasematch
  [[ $1 != *u* ]] || builtin set -u
  [[ $1 != *k* ]] || builtin set -k
  [[ $1 != *a* ]] || builtin set -a
}

__devshell_follow() {
  __devshell_locate
  if [[ -z $__devshell_found ]]; then
    __devshell_root='' __devshell_id=outside
    __devshell_leave
  elif [[ $__devshell_found != "$__devshell_root" ]] || ! "__devshell_fresh_$__devshell_id"; then
    __devshell_root=$__devshell_found __devshell_state=$__devshell_states${__devshell_found%/}/.state
    __devshell_ready || __devshell_waiting || __devshell_slowly
  fi
  __devshell_aim
  # A shell of `devshell enter` that had to leave is like any other from now on.
  [[ $__devshell_levels != stay || -n ${DEVSHELL_ENTERED+set} ]] || __devshell_check=__devshell_fresh_again
}

# Sets __devshell_check to the function that says whether all is as it is now: this folder, where the project is, and
# what it is made of. There is one for each height above us and each script, made when it is first wanted.
__devshell_aim() {
  __devshell_check=__devshell_check_${__devshell_levels}_$__devshell_id
  [[ -n ${__devshell_checks[$__devshell_check]-} ]] || __devshell_take_aim
}

__devshell_take_aim() {
  __devshell_checks[$__devshell_check]=1
  builtin set -- "${__devshell_conditions[$__devshell_id]-}"
  # The project's own files are named from here: the shorter way is found in half the time.
  [[ $__devshell_levels == stay ]] || builtin set -- "${1//$'\1'/"${__devshell_ups[__devshell_levels]}"}"
  if [[ $__devshell_levels == stay ]]; then
    __devshell_define "$__devshell_check() { __devshell_fresh_$__devshell_id; }"
  elif [[ -n $1 || $__devshell_id == outside ]]; then
    __devshell_define "$__devshell_check() {
      [[ . -ef \$__devshell_here${__devshell_tests[__devshell_levels]}${1:+ && $1} ]]
    }"
  else
    __devshell_define "$__devshell_check() {
      [[ . -ef \$__devshell_here${__devshell_tests[__devshell_levels]} ]] && __devshell_fresh_$__devshell_id
    }"
  fi
}

# Evaluates code of ours, where no alias gets into it.
__devshell_define() {
  if builtin shopt -q expand_aliases; then
    builtin shopt -u expand_aliases
    builtin eval "$1"
    builtin shopt -s expand_aliases
  else
    builtin eval "$1"
  fi
}

__devshell_fresh_outside() { builtin true; }
__devshell_fresh_again() { builtin false; }

# Sets __devshell_here (this folder), __devshell_found (the physical path of the nearest project at or above it, or
# nothing), and __devshell_levels (how many folders, from here upwards, must not get a manifest for that to hold).
__devshell_locate() {
  __devshell_here=$PWD __devshell_found='' __devshell_place=${__devshell_places[$PWD/]-}
  if [[ -n ${DEVSHELL_ENTERED+set} && ${DEVSHELL_ROOT-} == /* && $DEVSHELL_ROOT/ != */../* ]]; then
    # A shell of `devshell enter` stays in its project, wherever it goes.
    __devshell_found=$DEVSHELL_ROOT __devshell_levels=stay
    builtin return
  fi
  if [[ -n $__devshell_place ]]; then
    # Known: how far up, and to which folder. Whether both still hold is for a few looks at the disk to say.
    __devshell_found=${__devshell_place#*:} __devshell_levels=${__devshell_place%%:*}
    if [[ . -ef $PWD && ${__devshell_ups[__devshell_levels]} -ef ${__devshell_found:-/} &&
      (-z $__devshell_found || -e ${__devshell_ups[__devshell_levels]}devshell.toml) ]] &&
      "__devshell_none_$__devshell_levels"; then
      builtin return
    fi
    __devshell_found=''
  fi
  __devshell_climb
}

# Goes upwards by `..`, which is physical: a path through symbolic links may be deeper than it looks.
__devshell_climb() {
  __devshell_levels=0
  until [[ -e ${__devshell_ups[__devshell_levels]}devshell.toml ]]; do
    __devshell_levels=$((__devshell_levels + 1))
    __devshell_prepare "$((__devshell_levels + 1))"
    if [[ ${__devshell_ups[__devshell_levels - 1]} -ef / ]]; then
      __devshell_remember
      builtin return
    elif [[ ! -e ${__devshell_ups[__devshell_levels]} || $__devshell_levels -gt 2000 ]]; then
      # A folder that was removed, or that we may not look at: neither is in a project.
      builtin return
    fi
  done
  __devshell_physical
  builtin local -i __devshell_at
  for ((__devshell_at = 0; __devshell_at < __devshell_levels; __devshell_at++)); do
    __devshell_found=${__devshell_found%/*}
  done
  __devshell_found=${__devshell_found:-/}
  # Where bash could not learn the way, it must not be taken for another project's.
  if ! [[ ${__devshell_ups[__devshell_levels]} -ef $__devshell_found ]]; then
    __devshell_found=''
    builtin return
  fi
  __devshell_remember
}

__devshell_remember() {
  ((${#__devshell_places[@]} < 1000)) || __devshell_places=()
  __devshell_places[$PWD/]=$__devshell_levels:$__devshell_found
  if [[ -z ${__devshell_nones[__devshell_levels]-} ]]; then
    # Whether there is no manifest on the way, as one condition, of fixed text alone.
    __devshell_nones[__devshell_levels]=1
    __devshell_define "__devshell_none_$__devshell_levels() { [[ -n x${__devshell_tests[__devshell_levels]} ]]; }"
  fi
}

# Sets __devshell_ups and __devshell_tests up to so many levels: the way up, and that no manifest is on it.
__devshell_prepare() {
  builtin local -i __devshell_at
  for ((__devshell_at = ${#__devshell_ups[@]}; __devshell_at <= $1; __devshell_at++)); do
    __devshell_tests[__devshell_at]=${__devshell_tests[__devshell_at - 1]}
    __devshell_tests[__devshell_at]+=" && ! -e ${__devshell_ups[__devshell_at - 1]}devshell.toml"
    __devshell_ups[__devshell_at]=../${__devshell_ups[__devshell_at - 1]#./}
  done
}

# Sets __devshell_found to the physical path of this folder.
__devshell_physical() {
  __devshell_found=$PWD
  if [[ . -ef $PWD && $PWD == /* ]]; then
    builtin local __devshell_folder="$PWD"
    while [[ -n $__devshell_folder && ! -L $__devshell_folder ]]; do
      __devshell_folder=${__devshell_folder%/*}
    done
    [[ -n $__devshell_folder ]] || builtin return 0
  fi
  # There is a symbolic link on the way, or PWD is the folder's name no more.
  __devshell_ask
  [[ . -ef $__devshell_found ]] || __devshell_go
  [[ . -ef $PWD ]] || __devshell_here=$__devshell_found
}

# A prompt's \w is what the system says where there is no PWD; it is not evaluated in its turn.
__devshell_ask() {
  builtin local PWD='' HOME='' PROMPT_DIRTRIM='' __devshell_word='\w'
  builtin unset -v PWD
  if builtin shopt -q promptvars; then
    builtin shopt -u promptvars
    __devshell_found=${__devshell_word@P}
    builtin shopt -s promptvars
  else
    __devshell_found=${__devshell_word@P}
  fi
}

# A prompt shows control characters in another way. Otherwise bash learns the path without a process only by going
# there. It comes back by the name it had only if that still leads here, or it would take the user somewhere else.
__devshell_go() {
  builtin local __devshell_pwd="$PWD" __devshell_oldpwd="${OLDPWD-}" __devshell_had="${OLDPWD+set}"
  builtin cd -P /proc/self/cwd 2>/dev/null || builtin cd -P . 2>/dev/null || builtin return 0
  __devshell_found=$PWD
  if ! [[ . -ef $__devshell_pwd ]] || ! builtin cd -L -- "$__devshell_pwd" 2>/dev/null; then
    PWD=$__devshell_pwd
  fi
  if [[ -n $__devshell_had ]]; then
    OLDPWD=$__devshell_oldpwd
  else
    builtin unset -v OLDPWD
    builtin export OLDPWD
  fi
}

# --- acting on what was rendered -------------------------------------------------------------------------------------

# Takes up the rendered script $1 of the project if it is there, the user's own, and fresh. What was read once in this
# shell is not read again: a script that was replaced is gone from its place.
__devshell_load() {
  __devshell_id=${__devshell_scripts[$__devshell_root/$1]-}
  if [[ -n $__devshell_id ]]; then
    "__devshell_fresh_$__devshell_id" && builtin return
    # As stale as it was.
    [[ ! $__devshell_state/$1/bash -ef ${__devshell_files[$__devshell_id]-} ]] || builtin return
    if [[ $__devshell_id != "$__devshell_active" ]]; then
      builtin unset -f "__devshell_fresh_$__devshell_id" "__devshell_hold_$__devshell_id" \
        "__devshell_enter_$__devshell_id" "__devshell_revert_$__devshell_id" "__devshell_wait_$__devshell_id"
    fi
    __devshell_conditions[$__devshell_id]='' __devshell_files[$__devshell_id]=''
    __devshell_scripts[$__devshell_root/$1]=''
  fi
  [[ -O $__devshell_state/$1/bash && -r $__devshell_state/$1/bash ]] || builtin return 1
  __devshell_young=() __devshell_loaded=''
  __devshell_define "builtin source \"\$__devshell_state/$1/bash\""
  [[ -n $__devshell_loaded ]] || builtin return 1
  # One whose young files have another content will never be fresh.
  __devshell_same || __devshell_condition='-n ""' __devshell_near='-n ""'
  __devshell_id=$__devshell_loaded
  __devshell_scripts[$__devshell_root/$1]=$__devshell_id
  __devshell_conditions[$__devshell_id]=$__devshell_near __devshell_files[$__devshell_id]=$__devshell_file
  if ((BASH_VERSINFO[0] < 5 && ${#__devshell_young[@]} > 0)); then
    # It compares whole seconds alone, so that what was young stays in doubt.
    __devshell_conditions[$__devshell_id]=''
    __devshell_define "__devshell_young_$__devshell_id=(\"\${__devshell_young[@]}\")
      __devshell_fresh_$__devshell_id() {
        __devshell_young=(\"\${__devshell_young_${__devshell_id}[@]}\")
        [[ $__devshell_condition ]] && __devshell_same
      }"
  else
    __devshell_define "__devshell_fresh_$__devshell_id() { [[ $__devshell_condition ]]; }"
  fi
  "__devshell_fresh_$__devshell_id"
}

# Compares what is young by content: its time could not tell a second change from the first.
__devshell_same() {
  [[ ${#__devshell_young[@]} != 0 ]] || builtin return 0
  builtin local -a __devshell_one __devshell_other
  __devshell_one=() __devshell_other=()
  builtin local -i __devshell_at
  builtin local IFS=$'\1'
  for ((__devshell_at = 0; __devshell_at < ${#__devshell_young[@]}; __devshell_at += 2)); do
    builtin mapfile -d '' __devshell_one 2>/dev/null <"${__devshell_young[__devshell_at]}" || builtin return 1
    builtin mapfile -d '' __devshell_other 2>/dev/null <"${__devshell_young[__devshell_at + 1]}" || builtin return 1
    builtin test "${#__devshell_one[@]}${__devshell_one[*]}" = "${#__devshell_other[@]}${__devshell_other[*]}" ||
      builtin return 1
  done
}

__devshell_ready() {
  # In a folder such as /tmp somebody else may have put a project of theirs where the user's was.
  [[ -O ${__devshell_root%/}/devshell.toml || -n ${SUDO_UID-} ]] || builtin return 1
  __devshell_kind=ready
  if [[ -n ${DEVSHELL_ENTERED+set} ]]; then
    __devshell_ready_inside
  else
    __devshell_load ready && __devshell_switch
  fi
}

# In a shell of `devshell enter`, perhaps a named one, which the mark says for as long as the shell lasts.
__devshell_ready_inside() {
  builtin local __devshell_entered="$DEVSHELL_ENTERED"
  case $__devshell_entered in
    '') ;;
    # Letters one by one: a range takes in others in some locales.
    *[!ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-]*) builtin return 1 ;;
    *) __devshell_kind=ready.$__devshell_entered ;;
  esac
  __devshell_load "$__devshell_kind" || builtin return
  __devshell_switch
  builtin export DEVSHELL_ENTERED="$__devshell_entered"
}

__devshell_switch() {
  __devshell_before=${DEVSHELL_ENV-}:${DEVSHELL_ROOT-}
  __devshell_leave
  # It did not fit the last time.
  [[ -z ${__devshell_refused[$__devshell_id]-} ]] || builtin return 0
  __devshell_error='' __devshell_readonly='' __devshell_private=() __devshell_path_before=${PATH@a}${PATH+=$PATH}
  "__devshell_hold_$__devshell_id"
  if [[ -z $__devshell_readonly ]]; then
    "__devshell_enter_$__devshell_id"
  else
    "__devshell_enter_$__devshell_id" 2>/dev/null
  fi
  __devshell_path_after=${PATH-} __devshell_active=$__devshell_id
  if [[ -n $__devshell_error$__devshell_readonly ]]; then
    __devshell_complain || builtin return 0
  fi
  [[ -z $__devshell_activate$__devshell_deactivate ]] || __devshell_activate
  [[ -z $__devshell_greeting || $__devshell_before == "${DEVSHELL_ENV-}:${DEVSHELL_ROOT-}" ]] ||
    __devshell_say "$__devshell_greeting"
}

# Says what could not be done; false if that was all of it.
__devshell_complain() {
  if [[ -n $__devshell_error ]]; then
    __devshell_refused[$__devshell_id]=1
    __devshell_deactivate=''
    __devshell_leave
    __devshell_say "devshell: not entered: $__devshell_error"
    builtin return 1
  fi
  # What cannot be set is exported all the same.
  [[ ${#__devshell_private[@]} == 0 ]] || builtin export -n "${__devshell_private[@]}"
  if [[ -z ${__devshell_said[$__devshell_id]-} ]]; then
    __devshell_said[$__devshell_id]=1
    __devshell_say "devshell: left alone, since they are read-only here:$__devshell_readonly"
  fi
}

__devshell_activate() {
  __devshell_kept[deactivate]=$__devshell_deactivate
  __devshell_kept[denied]=$__devshell_state/denied
  __devshell_run "$__devshell_activate"
}

__devshell_waiting() {
  __devshell_load waiting || builtin return
  "__devshell_wait_$__devshell_id"
  if [[ $__devshell_keep != 1 || ${DEVSHELL_ROOT-} != "$__devshell_root" ]]; then
    __devshell_leave
  fi
  if [[ -z ${__devshell_said[$__devshell_id]-} ]]; then
    __devshell_said[$__devshell_id]=1
    __devshell_say "$__devshell_message"
  fi
}

# Lets Python find out what has changed, and render what there is to act on or to say.
__devshell_slowly() {
  # Settled before it is asked, since Ctrl-C ends this function too.
  __devshell_settle
  [[ -z ${DEVSHELL_ENTERED+set} ]] || builtin return 0
  if [[ -z ${__devshell_said[$__devshell_root/]-} || -e $__devshell_state ]]; then
    __devshell_said[$__devshell_root/]=1
    # What is denied, or is another project's, does not stay until there is an answer.
    if [[ ${DEVSHELL_ROOT-} != "$__devshell_root" || -e $__devshell_state/denied ]]; then
      __devshell_leave
    fi
    if [[ $BASH_SUBSHELL == 0 ]]; then
      "$__devshell_command" -C "$__devshell_root" hook bash --refresh </dev/null >/dev/null
    else
      DEVSHELL_QUIET=1 "$__devshell_command" -C "$__devshell_root" hook bash --refresh </dev/null >/dev/null
    fi
    if __devshell_ready || __devshell_waiting; then
      builtin return 0
    fi
    __devshell_settle
  fi
  # Nothing was rendered: it was never allowed, or devshell itself failed.
  __devshell_leave
}

# Holds what is there for the last word, until something else is rendered.
__devshell_settle() {
  builtin local __devshell_at
  for __devshell_at in "$__devshell_kind" waiting; do
    if [[ ! -e $__devshell_state/$__devshell_at ]]; then
      __devshell_settled[$__devshell_at]=absent
    else
      __devshell_settled[$__devshell_at]=${__devshell_scripts[$__devshell_root/$__devshell_at]-}
    fi
  done
  __devshell_id=unknown
  __devshell_aim
}

__devshell_fresh_unknown() { __devshell_still "$__devshell_kind" && __devshell_still waiting; }

__devshell_still() {
  case ${__devshell_settled[$1]} in
    absent) [[ ! -e $__devshell_state/$1 ]] ;;
    # Not the user's own.
    '') [[ -e $__devshell_state/$1 ]] ;;
    # The very same, and stale.
    *) [[ $__devshell_state/$1/bash -ef ${__devshell_files[${__devshell_settled[$1]}]-} ]] &&
      ! "__devshell_fresh_${__devshell_settled[$1]}" ;;
  esac
}

__devshell_say() {
  if [[ -n $1 && $- == *i* && $BASH_SUBSHELL == 0 && -z ${DEVSHELL_QUIET-} ]]; then
    builtin printf '%s\n' "$1" >&2
  fi
}

# Runs a project's own code in this shell, with the user's options and without arguments. What fails in it ends only
# itself, or, as an interrupt does, all of us: whatever is to hold then has been said before.
__devshell_run() {
  __devshell_aim
  [[ -n $1 ]] || builtin return 0
  builtin local __devshell_running=1
  __devshell_kept[code]=$1
  if [[ -n $__devshell_calmed ]]; then
    __devshell_uncalm
    __devshell_evaluate || builtin true
    __devshell_calm
  else
    __devshell_evaluate || builtin true
  fi
}

# As `eval` alone if it can be: behind `builtin`, it does not see that `set -e` has no effect here.
__devshell_evaluate() {
  if builtin declare -F eval >/dev/null; then
    builtin eval "${__devshell_kept[code]}"
  else
    eval "${__devshell_kept[code]}"
  fi
}

# --- what rendered scripts call, besides setting variables -----------------------------------------------------------

# Keeps what the variables are before they change: of those that are set, or have attributes. False if one must not
# change.
__devshell_hold() {
  builtin local __devshell_name __devshell_value __devshell_flags __devshell_fixed=''
  for __devshell_name in "$@"; do
    # By way of `eval`, as bash does not say indirectly what is declared and has no value. The names are a script's.
    builtin eval "__devshell_flags=\${$__devshell_name@a}"
    case $__devshell_flags in
      '')
        # Set but not exported: that is this shell's affair alone, and does not travel.
        [[ -z ${!__devshell_name+set} ]] || __devshell_kept[=$__devshell_name]=${!__devshell_name}
        builtin continue
        ;;
      *r*)
        __devshell_fixed+=" $__devshell_name" __devshell_kept[readonly]=1
        [[ $__devshell_flags == *x* ]] || __devshell_private+=("$__devshell_name")
        ;;
      *[aA]*)
        # Quoted by bash itself.
        builtin eval "__devshell_value=\${${__devshell_name}[@]@A}"
        __devshell_kept[+$__devshell_name]=$__devshell_flags
        [[ $__devshell_value != *=* ]] || __devshell_kept[=$__devshell_name]=${__devshell_value#*=}
        # It would not be exported.
        builtin unset -v "$__devshell_name"
        builtin continue
        ;;
    esac
    if [[ $__devshell_flags == *x* && -n ${!__devshell_name+set} ]]; then
      builtin export "DEVSHELL_OLD_$__devshell_name=${!__devshell_name}"
      __devshell_measure "DEVSHELL_OLD_$__devshell_name"
    fi
    if [[ $__devshell_flags != *r* && ($__devshell_flags != x || -z ${!__devshell_name+set}) ]]; then
      __devshell_kept[+$__devshell_name]=$__devshell_flags
      [[ -z ${!__devshell_name+set} ]] || __devshell_kept[=$__devshell_name]=${!__devshell_name}
      # Setting a number is arithmetic, which would evaluate the value.
      builtin unset -v "$__devshell_name"
    fi
  done
  __devshell_readonly+=$__devshell_fixed
  [[ -z $__devshell_fixed ]]
}

# For entries that may turn out to be empty.
__devshell_prepend() {
  builtin local __devshell_value='' __devshell_entry
  for __devshell_entry in "${@:2}"; do
    __devshell_value+=${__devshell_entry:+"$__devshell_entry:"}
  done
  if [[ -n $__devshell_value ]]; then
    __devshell_value+=${!1-}
    builtin export "$1=${__devshell_value%:}"
  fi
}

# No program starts with a longer variable: NAME=value and a NUL, in bytes (execve(2), MAX_ARG_STRLEN).
__devshell_measure() {
  builtin local __devshell_name __devshell_value
  for __devshell_name in "$@"; do
    __devshell_value=${!__devshell_name-}
    # A character takes six bytes at most. Changing the locale is dear.
    ((${#__devshell_value} <= 20000)) || __devshell_weigh
  done
}

__devshell_weigh() {
  builtin local LC_ALL=C
  if ((${#__devshell_name} + ${#__devshell_value} + 2 > 131072)); then
    __devshell_name=${__devshell_name#DEVSHELL_OLD_}
    __devshell_error="the variable ${__devshell_name#DEVSHELL_NEW_} is larger than 128 KiB"
  fi
}

# Takes names and values in turn.
__devshell_alias() {
  while (($# > 1)); do
    [[ -z ${BASH_ALIASES[$1]+set} ]] || __devshell_hidden[=$1]=${BASH_ALIASES[$1]}
    builtin alias -- "$1=$2"
    __devshell_aliases[=$1]=$2
    builtin shift 2
  done
}

# Takes files and commands in turn. Completions are read when they are asked for; a command that the user has
# completions for keeps them.
__devshell_completion() {
  builtin local -a __devshell_new
  __devshell_new=()
  while (($# > 1)); do
    if ! builtin complete -p -- "$2"; then
      __devshell_new+=("$2")
      __devshell_completing[=$2]=$1
    fi
    builtin shift 2
  done &>/dev/null
  [[ ${#__devshell_new[@]} == 0 ]] ||
    builtin complete -o bashdefault -o default -F __devshell_complete -- "${__devshell_new[@]}"
}

__devshell_complete() {
  builtin complete -r -- "$1"
  # shellcheck source=/dev/null
  builtin source "${__devshell_completing[=$1]}"
  # bash asks once more, what is there now.
  builtin return 124
}

# --- leaving ---------------------------------------------------------------------------------------------------------

# Takes out what is active, whoever put it in: this shell, or the one it was started from.
__devshell_leave() {
  [[ -n $__devshell_active${DEVSHELL_ROOT+set}${DEVSHELL_ENV+set}${DEVSHELL_NAMES+set}${DEVSHELL_PATH+set} ]] ||
    builtin return 0
  [[ ${#__devshell_kept[@]}${#__devshell_aliases[@]}${#__devshell_completing[@]} == 100 ]] || __devshell_undo
  if [[ -n $__devshell_active ]] && builtin test "${PATH-}" = "$__devshell_path_after"; then
    case $__devshell_path_before in
      x=*) PATH=${__devshell_path_before#x=} ;;
      *) __devshell_path_back ;;
    esac
  else
    __devshell_unpath
  fi
  if [[ -z $__devshell_active || ${#__devshell_kept[@]} != 1 ]] || ! "__devshell_revert_$__devshell_active"; then
    __devshell_restore
    __devshell_kept=([0]=1)
    builtin unset -v DEVSHELL_ROOT DEVSHELL_ENV DEVSHELL_PROMPT DEVSHELL_ENTERED DEVSHELL_NAMES DEVSHELL_PATH \
      "${!DEVSHELL_OLD_@}" "${!DEVSHELL_NEW_@}"
  fi
  __devshell_active=''
}

# What is no variable: the project's own code first, which may count on the rest.
__devshell_undo() {
  builtin local __devshell_name
  if [[ -n ${__devshell_kept[deactivate]-} && ! -e ${__devshell_kept[denied]} ]]; then
    # (The word of a denied project counts no more.)
    __devshell_name=${__devshell_kept[deactivate]}
    __devshell_kept[deactivate]=''
    __devshell_farewell "$__devshell_name"
  fi
  for __devshell_name in "${!__devshell_aliases[@]}"; do
    __devshell_name=${__devshell_name#=}
    if [[ ${BASH_ALIASES[$__devshell_name]-} == "${__devshell_aliases[=$__devshell_name]}" ]]; then
      if [[ -n ${__devshell_hidden[=$__devshell_name]+set} ]]; then
        builtin alias -- "$__devshell_name=${__devshell_hidden[=$__devshell_name]}"
      else
        builtin unalias -- "$__devshell_name"
      fi
    fi
  done
  if [[ ${#__devshell_completing[@]} != 0 ]]; then
    builtin set -- "${!__devshell_completing[@]}"
    builtin complete -r -- "${@#=}" 2>/dev/null
  fi
  __devshell_aliases=() __devshell_hidden=() __devshell_completing=()
  builtin unset -v '__devshell_kept[deactivate]' '__devshell_kept[denied]' '__devshell_kept[code]'
}

# Should it not come back from there, the next prompt goes on with leaving.
__devshell_farewell() {
  builtin local __devshell_going="$__devshell_id"
  __devshell_id=again
  __devshell_run "$1"
  __devshell_id=$__devshell_going
}

# Gives each variable its earlier value, unless the user has changed it since. Of the names that travel, only those
# count that we could have written.
__devshell_restore() {
  builtin local __devshell_name __devshell_new __devshell_old
  builtin local -a __devshell_names __devshell_gone
  __devshell_names=() __devshell_gone=()
  __devshell_named || builtin return 0
  for __devshell_name in "${__devshell_names[@]}"; do
    __devshell_new=DEVSHELL_NEW_$__devshell_name
    # Letters one by one: a range takes in others in some locales.
    if [[ $__devshell_name != *[!ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_]* &&
      $__devshell_name != [0123456789]* && $__devshell_name != DEVSHELL_* && $__devshell_name != __devshell_* &&
      $__devshell_own != *" $__devshell_name "* && ${!__devshell_name@a} != *r* &&
      ${!__devshell_name+=}${!__devshell_name-} == "${!__devshell_new+=}${!__devshell_new-}" ]]; then
      __devshell_gone+=("$__devshell_name")
    fi
  done
  [[ ${#__devshell_gone[@]} != 0 ]] || builtin return 0
  # First, since what takes numbers alone, by the user's word, would evaluate what it gets.
  builtin unset -v "${__devshell_gone[@]}"
  for __devshell_name in "${__devshell_gone[@]}"; do
    __devshell_old=DEVSHELL_OLD_$__devshell_name
    if [[ -n ${__devshell_kept[+$__devshell_name]-} ]]; then
      # As a global one, since this is a function.
      builtin declare -g "-${__devshell_kept[+$__devshell_name]}" \
        "$__devshell_name${__devshell_kept[=$__devshell_name]+=${__devshell_kept[=$__devshell_name]}}"
    elif [[ -n ${!__devshell_old+set} ]]; then
      builtin export "$__devshell_name=${!__devshell_old}"
    elif [[ -n ${__devshell_kept[=$__devshell_name]+set} ]]; then
      builtin printf -v "$__devshell_name" %s "${__devshell_kept[=$__devshell_name]}"
    fi
  done
}

# Sets __devshell_names to the words of the list that travels.
__devshell_named() {
  builtin local IFS=' '
  [[ -n ${DEVSHELL_NAMES-} ]] && ((${#DEVSHELL_NAMES} <= 131072)) || builtin return 1
  # shellcheck disable=SC2206  # it is to be split, and no more
  if [[ $- == *f* ]]; then
    __devshell_names=($DEVSHELL_NAMES)
  else
    builtin set -f
    __devshell_names=($DEVSHELL_NAMES)
    builtin set +f
  fi
  ((${#__devshell_names[@]} <= 2000))
}

__devshell_path_back() {
  case $__devshell_path_before in
    # Read-only, so that we never changed it.
    *r*=*) ;;
    *=*)
      PATH=${__devshell_path_before#*=}
      [[ $__devshell_path_before == *x*=* ]] || builtin export -n PATH
      ;;
    *)
      builtin unset -v PATH
      [[ $__devshell_path_before != x ]] || builtin export PATH
      ;;
  esac
}

# Takes our entries out of PATH, the first of each, and leaves everybody else's as they are.
__devshell_unpath() {
  [[ -n ${DEVSHELL_PATH-} && -n ${PATH+set} && ${PATH@a} != *r* ]] || builtin return 0
  ((${#DEVSHELL_PATH} <= 131072)) || builtin return 0
  # Each entry with a colon behind it, so that an empty last one counts and no entries are an empty text.
  builtin local __devshell_left="$PATH:" __devshell_rest="$DEVSHELL_PATH:" __devshell_entry
  if [[ $__devshell_left == "$__devshell_rest"* ]]; then
    __devshell_left=${__devshell_left#"$__devshell_rest"}
  else
    while [[ -n $__devshell_rest ]]; do
      __devshell_entry=${__devshell_rest%%:*}
      __devshell_rest=${__devshell_rest#*:}
      if [[ -n $__devshell_entry && :$__devshell_left == *":$__devshell_entry:"* ]]; then
        __devshell_left=:$__devshell_left
        __devshell_left=${__devshell_left%%":$__devshell_entry:"*}:${__devshell_left#*":$__devshell_entry:"}
        __devshell_left=${__devshell_left#:}
      fi
    done
  fi
  if [[ -n $__devshell_left ]]; then PATH=${__devshell_left%:}; else builtin unset -v PATH; fi
}

# --- loading ---------------------------------------------------------------------------------------------------------

# An associative array with something in it cannot have come from the environment: loaded already, as when an rc file
# is read a second time.
__devshell_begun() {
  [[ -n ${__devshell_kept+set} && ${__devshell_kept@a} == A ]]
}

# Whether `builtin` is bash's own: one that hides it has local variables of its own.
__devshell_sane() {
  builtin local __devshell_probe=1
  [[ ${__devshell_probe-} == 1 ]]
}

__devshell_start() {
  builtin unset -v "${!__devshell_@}"
  __devshell_command=$1 __devshell_expand=$2
  builtin declare -gA __devshell_kept __devshell_said __devshell_aliases __devshell_hidden __devshell_completing \
    __devshell_places __devshell_scripts __devshell_conditions __devshell_checks __devshell_refused __devshell_settled \
    __devshell_files
  __devshell_kept=([0]=1) __devshell_said=() __devshell_aliases=() __devshell_hidden=() __devshell_completing=()
  __devshell_places=() __devshell_scripts=() __devshell_conditions=() __devshell_checks=() __devshell_refused=()
  __devshell_settled=() __devshell_files=() __devshell_ups=(./) __devshell_tests=('') __devshell_nones=() __devshell_young=()
  __devshell_here='' __devshell_root='' __devshell_id=outside __devshell_active='' __devshell_levels=0
  __devshell_calmed='' __devshell_kind=ready __devshell_check=__devshell_fresh_again
  # What bash keeps for itself, as devshell/environ.py and devshell/shells/bash.py have it.
  __devshell_own=' PATH PWD OLDPWD SHLVL _ PS1 PS2 PS3 BASHOPTS SHELLOPTS COLUMNS LINES BASHPID BASH_VERSINFO EUID'
  __devshell_own+=' PPID UID HISTCMD LINENO OPTIND RANDOM SRANDOM SECONDS EPOCHSECONDS EPOCHREALTIME DIRSTACK FUNCNAME'
  __devshell_own+=' GROUPS PIPESTATUS BASH_ALIASES BASH_ARGC BASH_ARGV BASH_CMDS BASH_LINENO BASH_SOURCE MAILCHECK '

  # As devshell/paths.py has it.
  __devshell_states=${DEVSHELL_STATE_DIR-}
  if [[ $__devshell_states != /* ]]; then
    __devshell_states=${XDG_STATE_HOME-}
    [[ $__devshell_states == /* ]] || __devshell_states=~/.local/state
    __devshell_states+=/devshell
  fi
  __devshell_states+=/projects
}

# Has the prompt and `cd` call us: each time this is loaded, as the rc file may have set PROMPT_COMMAND anew before.
__devshell_listen() {
  if [[ ${PROMPT_COMMAND[*]-} != *__devshell_prompt* ]]; then
    if [[ ${PROMPT_COMMAND@a} == *r* ]]; then
      __devshell_say 'devshell: PROMPT_COMMAND is read-only here, so that only cd follows projects'
    else
      # In front of other prompt tools, so that they see the project. In an array, this is the first text.
      # shellcheck disable=SC2128,SC2178
      PROMPT_COMMAND=__devshell_prompt${PROMPT_COMMAND:+$'\n'$PROMPT_COMMAND}
    fi
  fi
  # Where the user has their own, the prompt is soon enough.
  builtin local __devshell_mover
  for __devshell_mover in cd pushd popd; do
    if ! builtin declare -F "$__devshell_mover" >/dev/null && [[ -z ${BASH_ALIASES[$__devshell_mover]+set} ]]; then
      builtin eval "$__devshell_mover() { builtin $__devshell_mover \"\$@\" && __devshell_moved; }"
    fi
  done
}

if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
  \builtin printf 'devshell: this is bash %s, and the hook needs 4.4 or newer\n' "$BASH_VERSION" >&2
elif [[ $- != *i* ]]; then
  # A script follows no folders.
  \builtin true
elif ! __devshell_sane &>/dev/null; then
  \printf 'devshell: a function named builtin hides what bash has, so that projects are not followed\n' >&2
else
  __devshell_begun || __devshell_start "${__devshell_command-}" "$__devshell_expand"
  __devshell_listen
fi
[[ $__devshell_expand != *u* ]] || \builtin set -u
[[ $__devshell_expand != *k* ]] || \builtin set -k
[[ $__devshell_expand != *a* ]] || \builtin set -a
[[ $__devshell_expand != *+* ]] || \builtin shopt -s expand_aliases
\builtin unset -v __devshell_expand
