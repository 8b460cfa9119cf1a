# fish completion of wan. Written by `make completions`: change completions/templates/ instead.

function __wan_none
    test (count (commandline -opc)) -eq 1
end

# Whether the words after wan begin with these.
function __wan_in
    set -l words (commandline -opc)
    test (count $words) -gt (count $argv); or return 1
    set -l begin $words[2..-1]
    test "$begin" = "$argv"; or string match -q -- "$argv *" "$begin"
end

# Whether they are these and no others.
function __wan_only
    __wan_in $argv; and test (count (commandline -opc)) -eq (math (count $argv) + 1)
end

complete -c wan -f
complete -c wan -n __wan_none -s h -l help -d 'Show the help'
complete -c wan -n __wan_none -l version -d 'Show the version'
@lines@
