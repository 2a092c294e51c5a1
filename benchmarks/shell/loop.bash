# shellcheck shell=bash
# What a prompt and a `cd` do, in blocks of some rounds. Sourced by an interactive bash whose rc file has loaded a hook. In
# front of the first block and behind each one it says the part on descriptor 3.

# What bash runs in front of a prompt, in the same way: each text is evaluated. One text here, and no function around
# it, since a loop's own cost would be charged to the hook.
__bench_prompt=$(printf '%s\n' "${PROMPT_COMMAND[@]}")

__bench_go() {
    # Unguarded on purpose: the name may be that of a hook's own function.
    # shellcheck disable=SC2164
    cd "$1"
    eval "$__bench_prompt"
}

# A hook that is fast because it does nothing must not win. What is wanted is the value of a variable, and after a
# colon `tool` where the tools are found; where BENCH_CHECK is not `tools`, the variable alone.
__bench_check() {
    [[ -n $BENCH_CHECK ]] || return 0
    local found=${SCENE_0-}:
    [[ $BENCH_CHECK == tools ]] && type -P scenetool0 >/dev/null && found+=tool
    [[ $found == "$1" || $BENCH_CHECK != tools && $found == "${1%tool}" ]] || echo "wrong: '$found' instead of '$1' in $PWD" >&3
}

eval "$__bench_prompt"
__bench_go "$BENCH_OUTSIDE"
__bench_check :
__bench_go "$BENCH_INSIDE"
__bench_check 'value 0:tool'
__bench_go "$BENCH_OUTSIDE"
__bench_check :
__bench_go "$BENCH_INSIDE"

# A clock of its own: the time at which a line is read says more about how busy the machine is.
echo "inside $EPOCHREALTIME" >&3
for ((__bench_block = 0; __bench_block < BENCH_BLOCKS; __bench_block++)); do
    for ((__bench_n = 0; __bench_n < BENCH_PROMPTS; __bench_n++)); do eval "$__bench_prompt"; done
    echo "inside $EPOCHREALTIME" >&3
done
__bench_check 'value 0:tool'

__bench_go "$BENCH_OUTSIDE"
echo "outside $EPOCHREALTIME" >&3
for ((__bench_block = 0; __bench_block < BENCH_BLOCKS; __bench_block++)); do
    for ((__bench_n = 0; __bench_n < BENCH_PROMPTS; __bench_n++)); do eval "$__bench_prompt"; done
    echo "outside $EPOCHREALTIME" >&3
done
__bench_check :

echo "cycle $EPOCHREALTIME" >&3
for ((__bench_block = 0; __bench_block < BENCH_BLOCKS; __bench_block++)); do
    for ((__bench_n = 0; __bench_n < BENCH_CYCLES; __bench_n++)); do
        # shellcheck disable=SC2164
        cd "$BENCH_INSIDE"
        eval "$__bench_prompt"
        # shellcheck disable=SC2164
        cd "$BENCH_OUTSIDE"
        eval "$__bench_prompt"
    done
    echo "cycle $EPOCHREALTIME" >&3
done
__bench_go "$BENCH_INSIDE"
__bench_check 'value 0:tool'
echo 'done' >&3
