#!/bin/sh
# What the launcher prints for `export json --full`: the answer that was rendered, completed by the variables.
#
# Rendered into ready/answer of a project's state, so that no other command has to read it. It starts no process, but for
# control characters other than those of lines and tabs; what is said of shell-hooks/devshell holds here too.
#
# The launcher has the variables that are only read here.
# shellcheck disable=SC2154,SC2034,SC2329

# Tells the launcher, which may come of another release, what it deals with.
__devshell_answering=1

# __devshell_say NAME: puts a variable into the answer, as JSON has it.
__devshell_say() {
    eval "__devshell_rest=\${$1-} __devshell_said=\${$1+x}"
    case $__devshell_said in
    '')
        __devshell_answer="$__devshell_answer$__devshell_comma\"$1\": null"
        __devshell_comma=', '
        return
        ;;
    esac
    __devshell_said=''
    while :; do
        case $__devshell_rest in *[\\\"[:cntrl:]]*) ;; *) break ;; esac
        __devshell_word=${__devshell_rest%%[\\\"[:cntrl:]]*}
        __devshell_rest=${__devshell_rest#"$__devshell_word"}
        __devshell_found=${__devshell_rest%"${__devshell_rest#?}"}
        __devshell_rest=${__devshell_rest#?}
        case $__devshell_found in
        \\ | \") __devshell_found=\\$__devshell_found ;;
        '
') __devshell_found='\n' ;;
        '	') __devshell_found='\t' ;;
        *) __devshell_found=$(printf '\\u%04x' "'$__devshell_found") ;;
        esac
        __devshell_said=$__devshell_said$__devshell_word$__devshell_found
    done
    __devshell_answer="$__devshell_answer$__devshell_comma\"$1\": \"$__devshell_said$__devshell_rest\""
    __devshell_comma=', '
}

# __devshell_tell: prints the answer, with the variables as they are by now: those of devshell/environ.py, "managed".
__devshell_tell() {
    __devshell_answer="$__devshell_answer, \"variables\": {" __devshell_comma=''
    for __devshell_name in ROOT ENV PROMPT ENTERED NAMES PATH; do
        __devshell_say "DEVSHELL_$__devshell_name"
    done
    __devshell_say PATH
    __devshell_seen=' '
    IFS=' '
    for __devshell_name in $DEVSHELL_NAMES $__devshell_left; do
        case $__devshell_seen in *" $__devshell_name "*) continue ;; esac
        __devshell_seen="$__devshell_seen$__devshell_name "
        __devshell_say "$__devshell_name"
        __devshell_say "DEVSHELL_OLD_$__devshell_name"
        __devshell_say "DEVSHELL_NEW_$__devshell_name"
    done
    printf '%s}}\n' "$__devshell_answer"
}
