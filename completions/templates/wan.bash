# bash completion of wan. Written by `make completions`: change completions/templates/ instead.

# Offer the words that begin with the typed text.
_wan_words() {
  local word
  for word in $1; do
    [[ $word == "$cur"* ]] && COMPREPLY+=("$word")
  done
}

_wan_files() {
  local file
  while IFS= read -r file; do
    COMPREPLY+=("$file")
  done < <(compgen -f -- "$cur")
  type compopt &>/dev/null && compopt -o filenames 2>/dev/null
}

# Offer only the ids: bash cannot show the state and the prompt that follow the tab.
_wan_ids() {
  local line word
  local -a where=()
  for word in "${words[@]}"; do
    [[ $word == --sandbox || $word == --no-sandbox ]] && where=("$word")
  done
  while IFS= read -r line; do
    COMPREPLY+=("${line%%$'\t'*}")
  done < <(wan --complete-ids ${where[@]+"${where[@]}"} "$cur" 2>/dev/null)
}

_wan() {
  local cur prev command flags typed i
  local -a words=()
  # bash splits words at ":", "=" and "@", so 16:9 arrives as three words, and @last as two.
  for ((i = 0; i <= COMP_CWORD; i++)); do
    typed=${COMP_WORDS[i]}
    if ((i > 1)) && [[ $typed == [:=]* || ${COMP_WORDS[i - 1]} == *[:=] || ${COMP_WORDS[i - 1]} == @ && -n $typed ]]; then
      words[${#words[@]} - 1]+=$typed
    else
      words+=("$typed")
    fi
  done
  cur=${words[${#words[@]} - 1]}
  prev=${words[${#words[@]} - 2]}
  command=${words[1]}
  COMPREPLY=()
  if ((${#words[@]} <= 2)); then
    _wan_words '@top@'
    return
  fi
  case $command in
    @groups@) ((${#words[@]} > 3)) && command+=" ${words[2]}" ;;
  esac
  if [[ $cur == --*=* ]]; then
    prev=${cur%%=*}
    cur=${cur#*=}
  fi
  case "$command $prev" in
@values@
    *) _wan_rest ;;
  esac
  # bash replaces only the text after the last ":".
  if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then
    for i in "${!COMPREPLY[@]}"; do
      COMPREPLY[i]=${COMPREPLY[i]#"${cur%"${cur##*:}"}"}
    done
  fi
}

_wan_rest() {
  case $command in
@flags@
    *) return ;;
  esac
  [[ $cur == -* ]] && _wan_words "$flags"
  case $command in
@arguments@
  esac
}

complete -F _wan wan
