# What `devshell enter` has fish read after the user's configuration: the project's environment once more, so that
# nothing in there hides the tools. Builtins only; what travels in the environment is copied, never evaluated.

function __devshell_enter
    builtin functions -e __devshell_enter
    builtin set -l __devshell_new
    builtin set -l __devshell_index
    for __devshell_name in (builtin string split -n ' ' -- "$DEVSHELL_NAMES")
        builtin string match -qr '^(?!PATH\z|DEVSHELL_|__devshell_)[A-Za-z_][A-Za-z0-9_]*\z' -- $__devshell_name
        or continue
        builtin set __devshell_new DEVSHELL_NEW_$__devshell_name
        if builtin set -q $__devshell_new
            builtin set -gx $__devshell_name $$__devshell_new
        else
            # -g: never a universal variable, which all the user's shells share.
            builtin set -eg $__devshell_name
        end
    end 2>/dev/null

    # fish itself keeps variables whose names end in PATH as lists.
    if builtin set -q DEVSHELL_PATH[1]
        builtin set -l __devshell_path $PATH
        for __devshell_entry in $DEVSHELL_PATH
            if builtin set __devshell_index (builtin contains -i -- $__devshell_entry $__devshell_path)
                builtin set -e __devshell_path[$__devshell_index]
            end
        end
        builtin set -gx PATH $DEVSHELL_PATH $__devshell_path
    end
end

__devshell_enter

# Aliases and the like, which no environment brings; where the user's configuration has loaded the hook, it does that.
if builtin status is-interactive; and not builtin functions -q __devshell_look
    builtin set -g __devshell_command devshell
    builtin source (builtin path dirname (builtin status filename))/hook.fish
end
