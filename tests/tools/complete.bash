# Prints what bash offers for the last of the words: complete.bash COMPLETION WORD...
source "$1"
shift
compopt() { :; } # It is only allowed while somebody types.
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
COMPREPLY=()
_zstdfs
printf '%s\n' "${COMPREPLY[@]}"
