# Completion of zstdfs(1) for fish. What can be typed is read from the program's own --help.

# Prints the entries of a section of the help on standard input, each as
# "--size UINT:SIZE ...<TAB>description".
function __zstdfs_entries --argument-names wanted
    set -l section
    set -l entry
    while read --local line
        if string match --quiet --regex '^[A-Z]\w*:$' -- $line
            set section (string trim --right --chars : -- $line)
        else if test "$section" = $wanted
            if string match --quiet --regex '^  [^ ]' -- $line
                test -n "$entry"; and printf '%s\n' $entry
                set entry (string replace --regex '^  (.*?)(?:  +(.*))?$' '$1\t$2' -- $line)
            else if test -n "$entry"
                # The description of an entry that is too long for one line.
                set entry $entry(string trim -- $line)
            end
        end
    end
    test -n "$entry"; and printf '%s\n' $entry
    return 0
end

# Prints what can be a value of this type.
function __zstdfs_value --argument-names type current
    if string match --quiet '*{*}*' -- $type
        string replace --regex '.*\{(.*)\}.*' '$1' -- $type | string split ,
    else if string match --quiet --regex '^(DIR|STORE|MOUNT)' -- $type
        __fish_complete_directories $current
    else if string match --quiet --regex '^(FILE|PATH|TEXT)' -- $type
        __fish_complete_path $current
    end
end

function __zstdfs_complete
    set -l current (commandline --current-token)
    set -l typed (commandline --cut-at-cursor --tokenize --current-process)[2..]
    set -l help (command zstdfs --help 2>/dev/null)
    set -l subcommand
    for word in $typed
        if printf '%s\n' $help | __zstdfs_entries Subcommands | string match --quiet -- "$word"\t'*'
            set --append subcommand $word
            set help (command zstdfs $subcommand --help 2>/dev/null)
        end
    end
    set -l options (printf '%s\n' $help | __zstdfs_entries Options)
    set -l previous $typed[-1]
    for option in $options
        set -l entry (string split --max 1 \t -- $option)[1]
        set -l parts (string split --max 1 ' ' -- $entry)
        if test (count $parts) -gt 1; and contains -- "$previous" (string split , -- $parts[1])
            __zstdfs_value (string replace --regex 'Needs:.*' '' -- $parts[2]) $current
            return
        end
    end
    set -l subcommands (printf '%s\n' $help | __zstdfs_entries Subcommands)
    if string match --quiet -- '-*' $current
        for option in $options
            # "-v,--verbose", and "--keep{false}" for a flag whose value is in braces.
            set -l names (string replace --regex '[ \t].*' '' -- $option)
            for name in (string replace --all --regex '\{[^}]*\}' '' -- $names | string split ,)
                string match --quiet -- '--*' $name
                and string replace --regex '^[^\t]*' -- $name $option
            end
        end
    else if test -n "$subcommands"
        printf '%s\n' $subcommands
    else
        # Arguments may be mixed with options, so which of them this is cannot be told.
        set -l arguments (printf '%s\n' $help | __zstdfs_entries Positionals)
        if string match --quiet --regex '^(FILE|PATH)' -- $arguments
            __zstdfs_value FILE $current
        else if test -n "$arguments"
            __zstdfs_value DIR $current
        end
    end
end

complete --command zstdfs --no-files --arguments '(__zstdfs_complete)'
