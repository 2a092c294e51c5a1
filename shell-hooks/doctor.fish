# What `devshell doctor` has an interactive fish say of itself, after the user's configuration: a word and what it is
# about on each line. Builtins only.

if builtin functions -q __devshell_prompt
    builtin printf 'loaded\n'
end
# fish runs what waits for its prompt in no order that could be relied on.
for __devshell_one in (builtin functions --handlers-type generic | builtin string replace -rf '^fish_prompt ' '')
    builtin printf 'prompt %s\n' $__devshell_one
end
