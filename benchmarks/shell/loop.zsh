# What a prompt and a `cd` do, in blocks of some rounds. Sourced by an interactive zsh whose rc file has loaded a hook. In
# front of the first block and behind each one it says the part on descriptor 3.

# What zsh runs in front of a prompt, and around a typed `cd`; for `chpwd_functions` it cares itself.
__bench_prompt() {
    local __bench_command
    for __bench_command in $precmd_functions; do
        $__bench_command
    done
}

__bench_go() {
    local __bench_command
    for __bench_command in $preexec_functions; do
        $__bench_command "cd $1" "cd $1" "cd $1"
    done
    cd "$1"
    __bench_prompt
}

# A hook that is fast because it does nothing must not win. What is wanted is the value of a variable, and after a
# colon `tool` where the tools are found; where BENCH_CHECK is not `tools`, the variable alone.
__bench_check() {
    [[ -n $BENCH_CHECK ]] || return 0
    local found=${SCENE_0-}:
    [[ $BENCH_CHECK == tools ]] && whence -p scenetool0 >/dev/null && found+=tool
    [[ $found == $1 || $BENCH_CHECK != tools && $found == ${1%tool} ]] || echo "wrong: '$found' instead of '$1' in $PWD" >&3
}

__bench_prompt
__bench_go $BENCH_OUTSIDE
__bench_check :
__bench_go $BENCH_INSIDE
__bench_check 'value 0:tool'
__bench_go $BENCH_OUTSIDE
__bench_check :
__bench_go $BENCH_INSIDE

# A clock of its own: the time at which a line is read says more about how busy the machine is.
zmodload zsh/datetime
# The loops stand here in full: functions around them would be charged to the hook.
echo "inside $EPOCHREALTIME" >&3
repeat $BENCH_BLOCKS; do
    repeat $BENCH_PROMPTS; do
        for __bench_command in $precmd_functions; do $__bench_command; done
    done
    echo "inside $EPOCHREALTIME" >&3
done
__bench_check 'value 0:tool'

__bench_go $BENCH_OUTSIDE
echo "outside $EPOCHREALTIME" >&3
repeat $BENCH_BLOCKS; do
    repeat $BENCH_PROMPTS; do
        for __bench_command in $precmd_functions; do $__bench_command; done
    done
    echo "outside $EPOCHREALTIME" >&3
done
__bench_check :

echo "cycle $EPOCHREALTIME" >&3
repeat $BENCH_BLOCKS; do
    repeat $BENCH_CYCLES; do
        for __bench_command in $preexec_functions; do $__bench_command "cd x" "cd x" "cd x"; done
        cd $BENCH_INSIDE
        for __bench_command in $precmd_functions; do $__bench_command; done
        for __bench_command in $preexec_functions; do $__bench_command "cd x" "cd x" "cd x"; done
        cd $BENCH_OUTSIDE
        for __bench_command in $precmd_functions; do $__bench_command; done
    done
    echo "cycle $EPOCHREALTIME" >&3
done
__bench_go $BENCH_INSIDE
__bench_check 'value 0:tool'
echo done >&3
