# The hook for fish, from 3.6: puts a project's environment in on `cd` and at the prompt, and takes it out again.
#
# `devshell hook fish` prints it behind a line that sets __devshell_command. At a prompt with nothing changed, on
# entering and on leaving: builtins only, no process, no file written. What travels in the environment (DEVSHELL_*) is
# copied and compared, never evaluated. What is evaluated, and what only this shell can give back, lives in global
# variables that are emptied here and never exported. Universal variables are read, and never written. Rendered
# scripts only define things (devshell/shells/fish.py): all that acts is here.
#
# `builtin` stands where a user's function could have that name: not before fish's reserved words, as set and test are.
# A command substitution costs more than twenty builtins; hence `string match` with named groups, and loops.

if not string match -qr '^(3\.([6-9]|\d\d)|[4-9]|\d\d)' -- $version
    builtin printf 'devshell: this is fish %s, and the hook needs 3.6 or newer\n' $version >&2
    return 0
end

# Loaded already, as when a configuration file is read a second time. No function can come from the environment.
if builtin functions -q __devshell_look
    return 0
end

# Every script reads the user's configuration, and asked for nothing. A script that asks has this line itself.
if not status is-interactive; and string match -qr '/config\.fish$' -- (status print-stack-trace)
    return 0
end

# --- looking ---------------------------------------------------------------------------------------------------------

# At each prompt. That nothing changed is the rule, and must cost nothing.
function __devshell_prompt --on-event fish_prompt
    if test ! . -ef "$__devshell_here" $__devshell_nearer
        __devshell_look
    else if test -n "$__devshell_root"; and not __devshell_fresh
        __devshell_look
    end
end

# After `cd`, so that `cd project && node` has the project's node. A completion may call `cd` too, and changes nothing;
# what a key did is looked at before the next command. `$_` is the command that runs, or fish itself at a prompt; and in
# `fish -ic`, by which editors ask for a folder's environment: no prompt comes there.
function __devshell_first --on-event fish_prompt
    builtin functions -e __devshell_first
    set -g __devshell_prompted
end

function __devshell_moved --on-variable PWD
    if set -qg __devshell_prompted; and status is-interactive; and builtin contains -- "$_" fish ''
        and not string length -q -- (status current-commandline)
        function __devshell_late --on-event fish_preexec
            builtin functions -e __devshell_late
            __devshell_prompt
        end
    else
        __devshell_prompt
    end
end

function __devshell_look
    __devshell_locate
    if test -z "$__devshell_found"
        set -g __devshell_root
        __devshell_drop
    else if test "$__devshell_found" != "$__devshell_root"; or not __devshell_fresh
        set -g __devshell_root $__devshell_found
        set -g __devshell_state $__devshell_states/$__devshell_found/.state
        __devshell_ready; or __devshell_waiting; or __devshell_slowly
    end
end

# Sets __devshell_here (the folder), __devshell_found (the nearest project at or above it, or nothing) and
# __devshell_nearer (for `test`: where a manifest would make another project the nearest, seen from here).
function __devshell_locate
    set -g __devshell_here
    set -g __devshell_found
    set -g __devshell_nearer
    if set -q DEVSHELL_ENTERED
        and string match -q '/*' -- "$DEVSHELL_ROOT"; and not string match -q '*/../*' -- "$DEVSHELL_ROOT/"
        # A shell of `devshell enter` stays in its project, wherever it goes.
        set __devshell_here "$PWD"
        set __devshell_found "$DEVSHELL_ROOT"
        return
    end

    # All the way up in one `test`; above `/` is `/` again, so that a place or two too many do no harm.
    if test . -ef "$PWD"
        set __devshell_here $PWD
        set -l __devshell_level
        string match -arq '(?<__devshell_level>/)' -- $PWD
        set -q __devshell_level[$__devshell_numbers] __devshell_none
        set __devshell_nearer $__devshell_upwards[1..$__devshell_ends[$status]]
        if set -q __devshell_level[24]
            set -l __devshell_up $__devshell_upwards[-1]
            for __devshell_level in $__devshell_level
                set __devshell_up ../$__devshell_up
                set -a __devshell_nearer -o -e $__devshell_up
            end
        end
        test ! . -ef . $__devshell_nearer; or return 0
        set __devshell_nearer
    end

    set -l __devshell_folder
    if test "x$PWD" = "x$__devshell_known[1]"; and test . -ef "$__devshell_known[2]"
        # As when one comes back.
        set __devshell_folder $__devshell_known[2]
    else
        # The folder as the system knows it, line by line, as a substitution gives it.
        set -l __devshell_lines (builtin realpath . 2>/dev/null)
        set __devshell_folder $__devshell_lines[1]
        for __devshell_line in $__devshell_lines[2..-1]
            set __devshell_folder $__devshell_folder\n$__devshell_line
        end
    end
    # Gone, or with a newline at its very end, which the substitution took for its own.
    if not test . -ef "$__devshell_folder"
        set __devshell_here
        return
    end
    set __devshell_here $__devshell_folder
    set -g __devshell_known $PWD $__devshell_folder
    set -l __devshell_up devshell.toml
    string match -q / -- $__devshell_folder; and set __devshell_folder ''
    while not test -e $__devshell_up
        set -a __devshell_nearer -o -e $__devshell_up
        set __devshell_up ../$__devshell_up
        string match -qr '^(?<__devshell_folder>(?s:.*))/' -- $__devshell_folder; or return 0
    end
    set __devshell_found $__devshell_folder
    test -n "$__devshell_found"; or set __devshell_found /
end

# --- acting on what was rendered -------------------------------------------------------------------------------------

# Takes up a rendered script if it is there, the user's own, and fresh.
function __devshell_load
    if test -n "$__devshell_loaded" -a $argv[1] -ef "$__devshell_loaded"
        # As when one comes back to a project: what it defined is still there.
        set -g __devshell_own $__devshell_loaded
        __devshell_fresh
        return
    end
    set -g __devshell_loaded
    set -g __devshell_own
    test -O $argv[1] -a -r $argv[1]; or return 1
    builtin source $argv[1]
    test -n "$__devshell_own"; and __devshell_fresh; and __devshell_same
    and set __devshell_loaded $__devshell_own
end

# Compares what is young by content: its time could not tell a second change from the first.
function __devshell_same
    set -l __devshell_one
    for __devshell_file in $__devshell_young
        test -r $__devshell_file; or return 1
        # Escaped, so that what is joined by spaces below can be taken for nothing else.
        set -l __devshell_two
        set __devshell_two (string split0 <$__devshell_file)
        test $status -lt 2; or return 1
        set __devshell_two (string escape -- $__devshell_two)
        if set -q __devshell_one[1]
            test "$__devshell_one" = "=$__devshell_two"; or return 1
            set __devshell_one
        else
            set __devshell_one "=$__devshell_two"
        end
    end
    return 0
end

function __devshell_ready
    # In a folder such as /tmp somebody else may have put a project of theirs where the user's was.
    test -O $__devshell_root/devshell.toml -o -n "$SUDO_UID"; or return 1
    set -l __devshell_entered $DEVSHELL_ENTERED
    set -l __devshell_script ready/fish
    if test -n "$__devshell_entered"
        string match -qr '^[A-Za-z0-9_-]+\z' -- $__devshell_entered; or return 1
        set __devshell_script ready.$__devshell_entered/fish
    end
    __devshell_load $__devshell_state/$__devshell_script; or return 1
    if builtin contains -- $__devshell_own $__devshell_refused
        __devshell_drop
        return 0
    end
    set -qg __devshell_mine; or __devshell_inherit
    __devshell_hidden; and return 0

    set -l __devshell_before "$DEVSHELL_ENV"
    set -l __devshell_inside
    set -q DEVSHELL_ENTERED; and set __devshell_inside 1
    __devshell_leave
    __devshell_apply
    if set -q __devshell_inside[1]
        set -gx DEVSHELL_ENTERED $__devshell_entered
    end
    if test -n "$__devshell_error"
        set -ga __devshell_refused $__devshell_own
        __devshell_leave
        __devshell_say "devshell: not entered: $__devshell_error"
        return 0
    end
    set -g __devshell_leaving $__devshell_deactivate
    set -g __devshell_denied $__devshell_state/denied
    __devshell_run $__devshell_activate
    test "$__devshell_before" = "$DEVSHELL_ENV"; or __devshell_say "$__devshell_greeting"
    return 0
end

function __devshell_waiting
    __devshell_load $__devshell_state/waiting/fish; or return 1
    if test "$__devshell_keep" != 1 -o "x$DEVSHELL_ROOT" != "x$__devshell_root"
        __devshell_drop
    end
    if not builtin contains -- $__devshell_own $__devshell_said
        set -ga __devshell_said $__devshell_own
        __devshell_say "$__devshell_message"
    end
    return 0
end

# Lets Python find out what has changed, and render what there is to act on or to say.
function __devshell_slowly
    if set -q DEVSHELL_ENTERED
        set -g __devshell_loaded
        function __devshell_fresh
            true
        end
        return 0
    end
    # Settled before it is asked, since Ctrl-C ends this function too.
    __devshell_settle
    if not builtin contains -- $__devshell_root $__devshell_told; or test -e $__devshell_state
        set -ga __devshell_told $__devshell_root
        if __devshell_aloud
            command $__devshell_command -C $__devshell_root hook fish --refresh </dev/null >/dev/null
        else
            DEVSHELL_QUIET=1 command $__devshell_command -C $__devshell_root hook fish --refresh </dev/null >/dev/null
        end
        if not __devshell_fresh
            __devshell_ready; or __devshell_waiting; and return 0
            __devshell_settle
        end
    end
    # Nothing was rendered: it was never allowed, or devshell itself failed.
    __devshell_drop
end

# Holds what is there for the last word, until something else is rendered.
function __devshell_settle
    set -g __devshell_loaded
    if test -e $__devshell_state/ready -o -e $__devshell_state/waiting
        set -g __devshell_stuck (builtin path resolve -- $__devshell_state/ready $__devshell_state/waiting)
        function __devshell_fresh
            set -l __devshell_now (builtin path resolve -- $__devshell_state/ready $__devshell_state/waiting)
            test "$__devshell_now" = "$__devshell_stuck"
        end
    else
        function __devshell_fresh
            not test -e $__devshell_state/ready -o -e $__devshell_state/waiting
        end
    end
end

# Whether there is someone to speak to.
function __devshell_aloud
    status is-interactive; and test -z "$DEVSHELL_QUIET"; and not status is-command-substitution
end

function __devshell_say
    if test -n "$argv"; and __devshell_aloud
        builtin printf '%s\n' $argv >&2
    end
end

# Runs a project's own code in this shell, without arguments.
function __devshell_run
    set -g __devshell_code $argv
    set -e argv
    if test -z "$__devshell_code"
        return
    else if status is-command-substitution
        # What it says is no part of what the user's command says.
        eval $__devshell_code >&2
    else
        eval $__devshell_code
    end
end

# Whether a local variable stands in front of one that is to be changed, as inside of a user's function: it would be
# kept in place of the global one. All is left as it is then, and looked at again at the next prompt.
function __devshell_hidden
    set -l __devshell_asked
    # The names of the script that was entered by are among those of the same script.
    test "x$__devshell_mine" = "x$__devshell_own" -a -n "$__devshell_mine"; or set __devshell_asked $__devshell_names
    if test -n "$__devshell_count"
        # `set -q` counts those that are not there; the script says how many there are, unless they are too many.
        set -ql $__devshell_touched PATH fish_complete_path
        if test $status -ne $__devshell_count
            set -a __devshell_asked PATH fish_complete_path $__devshell_touched
        end
    else
        set -a __devshell_asked $__devshell_touched PATH fish_complete_path
    end
    for __devshell_name in $__devshell_asked
        if set -ql $__devshell_name
            set -g __devshell_here
            set -g __devshell_root
            return 0
        end
    end
    return 1
end

# --- what rendered scripts call, in the order of the plan ------------------------------------------------------------

function __devshell_begin
    set -g __devshell_mine $__devshell_own
    set -g __devshell_error
    set -g __devshell_names
    set -g __devshell_plain
    set -g __devshell_kept
    set -g __devshell_paths
    set -g __devshell_others
    set -gx DEVSHELL_ROOT $argv[1]
    set -gx DEVSHELL_ENV $argv[2]
    set -gx DEVSHELL_PROMPT $argv[3]
end

# Keeps what variables are before they are changed; the first word says how many there are, fewer than the 255 that
# `set -q` can count. Kept are the first words of a `set`, then the elements, and for one that is universal nothing: it
# shows again when ours is gone.
function __devshell_hold
    set -a __devshell_names $argv[2..-1]
    # Nearly always, none of them is there.
    set -qg $argv[2..-1]
    if test $status -eq $argv[1]
        set -qx $argv[2..-1]
        test $status -ne $argv[1]; or return 0
    end
    for __devshell_name in $argv[2..-1]
        set -l __devshell_exported
        # The name ends in `_`, since fish would take one that ends in PATH for a list of paths.
        if set -qg $__devshell_name
            set -l __devshell_flags -gu --unpath
            set -qgx $__devshell_name; and set __devshell_flags[1] -gx; and set __devshell_exported 1
            set -qg --path $__devshell_name; and set __devshell_flags[2] --path
            set -g __devshell_kept_{$__devshell_name}_ $__devshell_flags $$__devshell_name
        else if set -qx $__devshell_name
            set __devshell_exported 1
            set -g __devshell_kept_{$__devshell_name}_
        else
            continue
        end
        set -a __devshell_kept $__devshell_name
        if set -q __devshell_exported[1]
            string match -qr '(?s)^.{20000}' -- "$$__devshell_name"
            and __devshell_measure DEVSHELL_OLD_$__devshell_name "$$__devshell_name"
            set -gx DEVSHELL_OLD_$__devshell_name "$$__devshell_name"
        end
    end
end

# Sets one that is held already. One whose value is known beforehand, and short, is set by the script itself.
function __devshell_set
    # Measured before it is set: the next may be made of it, doubled.
    if string match -qr '(?s)^.{20000}' -- $argv[2]
        __devshell_measure DEVSHELL_NEW_$argv[1] $argv[2]; or return 0
    end
    set -gx $argv[1] $argv[2]
end

function __devshell_default
    if not set -qx $argv[1]
        builtin contains -- $argv[1] $__devshell_names; or __devshell_hold 1 $argv[1]
        __devshell_set $argv
    end
end

function __devshell_unset
    set -eg $argv
    # Programs would still see a universal variable; empty is the least that can be done about it.
    set -qx $argv; and set -gx $argv ''
end

function __devshell_prepend
    set -l __devshell_name $argv[1]
    set -l __devshell_value
    for __devshell_entry in $argv[2..-1]
        test -z "$__devshell_entry"; or set __devshell_value "$__devshell_value$__devshell_entry:"
    end
    if test -z "$__devshell_value"
        return
    else if set -qx $__devshell_name; and test -n "$$__devshell_name"
        __devshell_set $__devshell_name "$__devshell_value$$__devshell_name"
    else
        string match -qr '^(?<__devshell_value>(?s:.*)):' -- $__devshell_value
        __devshell_set $__devshell_name $__devshell_value
    end
end

function __devshell_extend
    if set -qx $argv[1]; and test -n "$$argv[1]"
        builtin contains -- $argv[1] $__devshell_names; or __devshell_hold 1 $argv[1]
        __devshell_prepend $argv
    end
end

# Our entries of PATH, each once, all that are there by now.
function __devshell_path
    if not set -q __devshell_paths[1]
        set -g __devshell_users $PATH
        set -g __devshell_path_flags
        set -qg PATH; and set __devshell_path_flags -gu
        set -qgx PATH; and set __devshell_path_flags -gx
    end
    set __devshell_paths $argv
    set -gx PATH $argv $__devshell_users
end

# Puts the names in the order that all others give them: direnv, beside us, would take another one for a change.
function __devshell_sort
    set -l __devshell_sorted
    for __devshell_name in $__devshell_touched
        builtin contains -- $__devshell_name $__devshell_names; and set -a __devshell_sorted $__devshell_name
    end
    set __devshell_names $__devshell_sorted
end

# What leaving needs travels with the variables: their names, and the values we gave, where a script has not said them.
function __devshell_commit
    for __devshell_name in $argv
        builtin contains -- $__devshell_name $__devshell_names; or continue
        set -a __devshell_others $__devshell_name
        set -qgx $__devshell_name; and set -gx DEVSHELL_NEW_$__devshell_name "$$__devshell_name"
    end
    set -gx DEVSHELL_NAMES "$__devshell_names"
    set -q __devshell_paths[1]; and set -gx DEVSHELL_PATH $__devshell_paths
    if string match -qr '(?s)^.{20000}' -- "$PATH" "$DEVSHELL_NAMES"
        __devshell_measure PATH "$PATH"
        __devshell_measure DEVSHELL_NAMES "$DEVSHELL_NAMES"
    end
    set -q __devshell_names[2001]; and set -g __devshell_error 'it sets more than 2000 variables'
end

# No program starts with a longer variable: NAME=value and a NUL, in bytes (execve(2), MAX_ARG_STRLEN). Escaped as in
# addresses, each byte is a letter or three.
function __devshell_measure
    set -l __devshell_bytes (string escape --style=url -- "$argv[1]=$argv[2]" | string replace -ra '%..' x)
    set __devshell_bytes (string length -- $__devshell_bytes)
    test $__devshell_bytes -lt 131072; and return 0
    string match -qr '^(?:DEVSHELL_(?:OLD|NEW)_)?(?<__devshell_name>.*)' -- $argv[1]
    set -g __devshell_error "the variable $__devshell_name is larger than 128 KiB"
    return 1
end

# As fish's own `alias` does it, less what that costs.
function __devshell_alias
    set -l __devshell_name $argv[1]
    set -l __devshell_body $argv[2]
    set -l __devshell_wraps --wraps $argv[2]
    if string match -q -- "* $__devshell_name *" " $argv[2] "
        # It would be completed by itself, and call itself.
        set __devshell_wraps
        if string match -q -- "$__devshell_name *" "$argv[2] "
            set __devshell_body "command $argv[2]"
            builtin contains -- $__devshell_name (builtin builtin -n); and set __devshell_body "builtin $argv[2]"
        end
    end
    if builtin functions -q $__devshell_name
        builtin functions -c $__devshell_name __devshell_user_$__devshell_name
    end
    # On lines of their own, since the body may hold a comment.
    eval "function $__devshell_name \$__devshell_wraps --description \"alias \$argv[1]=\$argv[2]\""\n \
        "$__devshell_body \$argv"\n end
    set -l __devshell_text (builtin functions $__devshell_name)
    set -ga __devshell_aliases $__devshell_name
    set -ga __devshell_alias_texts "$__devshell_text"
    set -ga __devshell_alias_wraps "$__devshell_wraps[2]"
end

# When the list of folders changes, fish itself forgets all that it has loaded from them.
function __devshell_completions
    set -g __devshell_completing $argv
    set -g __devshell_completing_had
    set -qg fish_complete_path; and set __devshell_completing_had 1
    set -g fish_complete_path $argv $fish_complete_path
end

# --- leaving ---------------------------------------------------------------------------------------------------------

# Learns what the environment says about one that was entered by another shell, or by `devshell export`.
function __devshell_inherit
    set -q DEVSHELL_NAMES; or return 0
    set -g __devshell_names
    set -l __devshell_words (string split -n -m 2000 ' ' -- "$DEVSHELL_NAMES")
    set -q __devshell_words[2001]; and return
    set -l __devshell_own '(?:PATH|PWD|OLDPWD|SHLVL|_|PS[123]|BASHOPTS|SHELLOPTS|COLUMNS|LINES)\z|DEVSHELL_|__devshell_'
    for __devshell_word in $__devshell_words
        if string match -qr "^(?!$__devshell_own)[A-Za-z_][A-Za-z0-9_]*\z" -- $__devshell_word
            set -a __devshell_names $__devshell_word
        end
    end
    set -g __devshell_others $__devshell_names
end

# Leaves, unless a local variable stands in the way.
function __devshell_drop
    set -qg __devshell_mine; or __devshell_inherit
    __devshell_hidden; or __devshell_leave
end

# Takes out what is active, whoever put it in: this shell, or the one it was started from.
function __devshell_leave
    set -q DEVSHELL_ROOT; or set -q DEVSHELL_ENV; or set -q DEVSHELL_NAMES; or set -q DEVSHELL_PATH
    or set -qg __devshell_mine; or return 0
    if test -n "$__devshell_leaving"
        # The word of a denied project counts no more.
        test -e "$__devshell_denied"; or __devshell_run $__devshell_leaving
        set -g __devshell_leaving
    end
    set -q __devshell_aliases[1]; and __devshell_unalias
    set -q __devshell_completing[1]; and __devshell_incomplete
    if set -q __devshell_plain[1]
        if __devshell_untouched
            # All at once; few of them were there before.
            set -eg $__devshell_plain
            if set -q __devshell_kept[1]
                for __devshell_name in $__devshell_kept
                    builtin contains -- $__devshell_name $__devshell_plain; and __devshell_give_back $__devshell_name
                end
            end
        else
            __devshell_restore $__devshell_plain
        end
    end
    set -q __devshell_others[1]; and __devshell_restore $__devshell_others
    __devshell_unpath
    if set -q __devshell_names[1]
        set -eg DEVSHELL_NEW_$__devshell_names
    end
    if set -q __devshell_kept[1]
        set -eg DEVSHELL_OLD_$__devshell_kept __devshell_kept_{$__devshell_kept}_
    end
    if not set -qg __devshell_mine
        for __devshell_name in (set -nx | string match -r '^DEVSHELL_(?:OLD|NEW)_.*')
            set -eg $__devshell_name
        end
    end
    set -eg __devshell_mine __devshell_names __devshell_plain __devshell_others __devshell_kept __devshell_paths \
        DEVSHELL_ROOT DEVSHELL_ENV DEVSHELL_PROMPT DEVSHELL_ENTERED DEVSHELL_NAMES DEVSHELL_PATH
end

# Gives each variable its earlier value, unless the user has changed it since.
function __devshell_restore
    for __devshell_name in $argv
        set -l __devshell_new DEVSHELL_NEW_$__devshell_name
        if set -qg $__devshell_new
            set -qgx $__devshell_name; and test "$$__devshell_name" = "$$__devshell_new"
            and __devshell_give_back $__devshell_name
        else if not set -qg $__devshell_name
            __devshell_give_back $__devshell_name
        end
    end
end

function __devshell_give_back
    set -l __devshell_old DEVSHELL_OLD_$argv
    if builtin contains -- $argv $__devshell_kept
        set __devshell_old __devshell_kept_{$argv}_
        set __devshell_old $$__devshell_old
    else if set -qg $__devshell_old
        set __devshell_old -gx --unpath "$$__devshell_old"
        string match -q '*PATH' -- $argv; and set __devshell_old[2] --path
    else
        set __devshell_old
    end
    if set -q __devshell_old[1]
        set $__devshell_old[1] $__devshell_old[2] $argv $__devshell_old[3..-1]
    else
        set -eg $argv
    end
end

# Takes our entries out of PATH, the first of each, and leaves everybody else's as they are.
function __devshell_unpath
    set -qg PATH; or return 0
    set -l __devshell_flags -gx
    set -g __devshell_left $PATH
    if set -qg __devshell_mine
        set -q __devshell_paths[1]; or return 0
        set __devshell_flags $__devshell_path_flags
        # An editor puts them in front once more after the rc files of its terminals, and notes that.
        if set -q DEVSHELL_PATH[(builtin math 1 + (builtin count $__devshell_paths))]
            __devshell_less $DEVSHELL_PATH[1..2000]
        else
            __devshell_less $__devshell_paths
        end
    else
        set -q DEVSHELL_PATH[1]; or return 0
        # More than are ever put in: what comes from the environment is bounded.
        __devshell_less $DEVSHELL_PATH[1..2000]
        set -q __devshell_left[1]; or set __devshell_flags
    end
    if set -q __devshell_flags[1]
        set $__devshell_flags PATH $__devshell_left
    else if set -q __devshell_left[1]
        set -gx PATH $__devshell_left
    else
        set -eg PATH
    end
end

# Takes the first occurrence of each word out of __devshell_left.
function __devshell_less
    set -l __devshell_at
    for __devshell_entry in $argv
        if test "$__devshell_left[1]" = "$__devshell_entry"
            set -e __devshell_left[1]
        else if test -n "$__devshell_entry"
            and set __devshell_at (builtin contains -i -- $__devshell_entry $__devshell_left)
            set -e __devshell_left[$__devshell_at]
        end
    end
end

function __devshell_unalias
    for __devshell_name in $__devshell_aliases
        set -l __devshell_text (builtin functions $__devshell_name)
        # One that the user has changed meanwhile, or erased, is theirs.
        if test -n "$__devshell_text" -a "=$__devshell_text" = "=$__devshell_alias_texts[1]"
            builtin functions -e $__devshell_name
            if builtin functions -q __devshell_user_$__devshell_name
                builtin functions -c __devshell_user_$__devshell_name $__devshell_name
            end
        end
        if test -n "$__devshell_alias_wraps[1]"
            # Without an option to erase, fish would erase all the completions of that name.
            builtin complete -e -c $__devshell_name -w $__devshell_alias_wraps[1] -l __devshell
        end
        builtin functions -e __devshell_user_$__devshell_name
        set -e __devshell_alias_texts[1]
        set -e __devshell_alias_wraps[1]
    end
    set -g __devshell_aliases
end

function __devshell_incomplete
    set -g __devshell_left $fish_complete_path
    __devshell_less $__devshell_completing
    if set -q __devshell_completing_had[1]; or set -q __devshell_left[1]
        set -g fish_complete_path $__devshell_left
    else
        set -eg fish_complete_path
    end
    set -g __devshell_completing
end

# --- loading ---------------------------------------------------------------------------------------------------------

function __devshell_start
    builtin functions -e __devshell_start
    for __devshell_name in (string match '__devshell_*' -- (set -n))
        test $__devshell_name = __devshell_command; or set -eg $__devshell_name
    end
    # Not for programs, even if one of that name was inherited.
    set -gu __devshell_command $__devshell_command
    function __devshell_fresh
        true
    end

    # As devshell/paths.py has it.
    set -l __devshell_folder $DEVSHELL_STATE_DIR
    if not string match -q '/*' -- $__devshell_folder
        set __devshell_folder $XDG_STATE_HOME
        string match -q '/*' -- $__devshell_folder; or set __devshell_folder ~/.local/state
        set __devshell_folder $__devshell_folder/devshell
    end
    set -g __devshell_states $__devshell_folder/projects

    # For walking up: a condition for `test` for each of 25 levels. fish cannot count without a substitution, but
    # `set -q` tells how many of some names are not there: __devshell_ends turns that into how many words to take.
    set -g __devshell_numbers 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24
    set -g __devshell_ends 75 72 69 66 63 60 57 54 51 48 45 42 39 36 33 30 27 24 21 18 15 12 9 6 3
    set -l __devshell_up devshell.toml
    set -g __devshell_upwards -o -e $__devshell_up
    for __devshell_name in $__devshell_numbers
        set __devshell_up ../$__devshell_up
        set -a __devshell_upwards -o -e $__devshell_up
    end
end

__devshell_start
