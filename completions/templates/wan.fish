# fish completion of wan. Written by `make completions`: change completions/templates/ instead.

function __wan_none
    test (count (commandline -opc)) -eq 1
end

# Whether the words after wan begin with the arguments.
function __wan_in
    set -l words (commandline -opc)
    test (count $words) -gt (count $argv); or return 1
    set -l begin $words[2..-1]
    test "$begin" = "$argv"; or string match -q -- "$argv *" "$begin"
end

# Whether the words after wan are exactly the arguments.
function __wan_only
    __wan_in $argv; and test (count (commandline -opc)) -eq (math (count $argv) + 1)
end

# Ids, newest first, each with its state and prompt after a tab.
function __wan_ids
    set -l where (string match -- '--sandbox' (commandline -opc))
    set -a where (string match -- '--no-sandbox' (commandline -opc))
    wan --complete-ids $where (commandline -ct) 2>/dev/null
end

complete -c wan -f
complete -c wan -n __wan_none -s h -l help -d 'Show the help'
complete -c wan -n __wan_none -s V -l version -d 'Show the version'
@lines@
