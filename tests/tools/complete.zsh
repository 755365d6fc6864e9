# Prints what zsh offers for the last of the words: complete.zsh COMPLETION WORD...
# zsh completes only where somebody types, so one that is interactive is started on a terminal.
zmodload zsh/zpty
completion=${1:A:h}
shift
zpty shell zsh -f -i
# compinit looks into every function of its path, which takes longer than all else: so it gets few,
# and what they and ours call is added behind it.
# Everything that is offered goes through compadd; -O asks it to fill an array instead. Files are
# added, too: where none was, zsh would try others.
# The key that ends it begins no sequence of keys, for whose rest zsh would wait.
zpty -w shell "PS1=; stty -echo; called=(\${(M)fpath:#*/Completion/(Zsh|Unix)})
fpath=($completion \${(M)fpath:#*/Completion(|/Base)}); autoload -Uz compinit; compinit -D -u
fpath+=(\$called); autoload -Uz _files _path_files
compadd() {
  [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]] && { builtin compadd \"\$@\"; return }
  local -a offered; builtin compadd -O offered \"\$@\"; print -l -- '<offered>'\$^offered
  [[ -z \${(M)@:#-(|Q)f} ]] || builtin compadd \"\$@\"
}
finish() { print '<end>'; exit }
bindkey '^I' complete-word; zle -N finish; bindkey '^T' finish; LISTMAX=9999; print '<ready>'"
zpty -r shell line '*<ready>'$'\r\n'
zpty -w -n shell "$*"$'\t\x14'
while zpty -r shell line; do
  line=${line//[$'\r\n']/}
  [[ $line == *'<end>'* ]] && break
  [[ $line == *'<offered>'* ]] && print -r -- "${line##*<offered>}"
done
zpty -d shell
