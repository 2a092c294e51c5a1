# What a prompt and a `cd` do, in blocks of some rounds. Sourced by an interactive fish whose configuration has loaded a hook. In
# front of the first block and behind each one it says the part on descriptor 3.

# A typed `cd` and its prompt, with the events around them as fish sends them.
function __bench_go
    emit fish_preexec "cd $argv[1]"
    cd $argv[1]
    emit fish_postexec "cd $argv[1]"
    emit fish_prompt
end

# A hook that is fast because it does nothing must not win. What is wanted is the value of a variable, and after a
# colon `tool` where the tools are found; where BENCH_CHECK is not `tools`, the variable alone.
function __bench_check
    test -n "$BENCH_CHECK"; or return 0
    set -l found "$SCENE_0:"
    test $BENCH_CHECK = tools; and command -sq scenetool0; and set found $found"tool"
    test $BENCH_CHECK = tools; or set argv[1] (string replace -r 'tool$' '' $argv[1])
    test "$found" = $argv[1]; or echo "wrong: '$found' instead of '$argv[1]' in $PWD" >&3
end

emit fish_prompt
__bench_go $BENCH_OUTSIDE
__bench_check :
__bench_go $BENCH_INSIDE
__bench_check 'value 0:tool'
__bench_go $BENCH_OUTSIDE
__bench_check :
__bench_go $BENCH_INSIDE

# One word a round: the cheapest loop that fish has.
set __bench_blocks (string split '' (string repeat -n $BENCH_BLOCKS x))
set __bench_prompts (string split '' (string repeat -n $BENCH_PROMPTS x))
set __bench_cycles (string split '' (string repeat -n $BENCH_CYCLES x))

# fish tells the time in no variable; what `time` shows on the terminal is read there.
echo inside >&3
for __bench_block in $__bench_blocks
    time for __bench_n in $__bench_prompts
        emit fish_prompt
    end
    echo inside >&3
end
__bench_check 'value 0:tool'

__bench_go $BENCH_OUTSIDE
echo outside >&3
for __bench_block in $__bench_blocks
    time for __bench_n in $__bench_prompts
        emit fish_prompt
    end
    echo outside >&3
end
__bench_check :

echo cycle >&3
for __bench_block in $__bench_blocks
    time for __bench_n in $__bench_cycles
        emit fish_preexec "cd x"
        cd $BENCH_INSIDE
        emit fish_postexec "cd x"
        emit fish_prompt
        emit fish_preexec "cd x"
        cd $BENCH_OUTSIDE
        emit fish_postexec "cd x"
        emit fish_prompt
    end
    echo cycle >&3
end
__bench_go $BENCH_INSIDE
__bench_check 'value 0:tool'
echo done >&3
