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
    _wan_words 'generate status fetch list show history recover batch models balance config doctor sandbox completion help -h --help -V --version'
    return
  fi
  case $command in
    history|config) ((${#words[@]} > 3)) && command+=" ${words[2]}" ;;
  esac
  if [[ $cur == --*=* ]]; then
    prev=${cur%%=*}
    cur=${cur#*=}
  fi
  case "$command $prev" in
    'generate --prompt-file') _wan_files ;;
    'generate --model') _wan_words 'alibaba/wan-2-6-t2v alibaba/wan-2-6-i2v alibaba/wan-2-6-image-to-video-flash alibaba/wan-2-6-r2v alibaba/wan-2-7-t2v alibaba/wan-2-7-i2v alibaba/wan-2-7-r2v alibaba/wan2.5-t2v-preview alibaba/wan2.5-i2v-preview' ;;
    'generate --image') _wan_files ;;
    'generate --first-frame') _wan_files ;;
    'generate --reference') _wan_files ;;
    'generate --video') : ;;
    'generate --audio-url') : ;;
    'generate --aspect-ratio') _wan_words '16:9 9:16 1:1 4:3 3:4' ;;
    'generate --resolution') _wan_words '480p 720p 1080p' ;;
    'generate --duration') _wan_words '5 10 15' ;;
    'generate --negative-prompt') : ;;
    'generate --shot-type') _wan_words 'single multi' ;;
    'generate --seed') : ;;
    'generate --field') : ;;
    'generate --timeout') : ;;
    'generate --poll-interval') : ;;
    'generate -o'|'generate --output') _wan_files ;;
    'generate --max-cost') : ;;
    'generate --once') : ;;
    'generate --like') _wan_ids ;;
    'generate --count') : ;;
    'generate --exec') : ;;
    'status --timeout') : ;;
    'status --poll-interval') : ;;
    'fetch --timeout') : ;;
    'fetch --poll-interval') : ;;
    'fetch -o'|'fetch --output') _wan_files ;;
    'fetch --downloads') : ;;
    'list --status') _wan_words 'saved ready generating queued failed unknown claimed unsent sending rejected completed error' ;;
    'list --limit') : ;;
    'list --since') : ;;
    'list --search') : ;;
    'recover --adopt') : ;;
    'recover --forget') _wan_ids ;;
    'recover --settle-absent') : ;;
    'batch --format') _wan_words 'jsonl json csv tsv text' ;;
    'batch --model') _wan_words 'alibaba/wan-2-6-t2v alibaba/wan-2-6-i2v alibaba/wan-2-6-image-to-video-flash alibaba/wan-2-6-r2v alibaba/wan-2-7-t2v alibaba/wan-2-7-i2v alibaba/wan-2-7-r2v alibaba/wan2.5-t2v-preview alibaba/wan2.5-i2v-preview' ;;
    'batch --image') _wan_files ;;
    'batch --first-frame') _wan_files ;;
    'batch --reference') _wan_files ;;
    'batch --video') : ;;
    'batch --audio-url') : ;;
    'batch --aspect-ratio') _wan_words '16:9 9:16 1:1 4:3 3:4' ;;
    'batch --resolution') _wan_words '480p 720p 1080p' ;;
    'batch --duration') _wan_words '5 10 15' ;;
    'batch --negative-prompt') : ;;
    'batch --shot-type') _wan_words 'single multi' ;;
    'batch --seed') : ;;
    'batch --field') : ;;
    'batch --concurrency') : ;;
    'batch --downloads') : ;;
    'batch --shard') _wan_words 'auto' ;;
    'batch --timeout') : ;;
    'batch --poll-interval') : ;;
    'batch --output-dir') _wan_files ;;
    'batch --max-cost') : ;;
    'batch --as') : ;;
    'sandbox --port') : ;;
    'sandbox --speed') : ;;
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
    'generate') flags='--prompt-file --model --image --first-frame --reference --video --audio-url --aspect-ratio --resolution --duration --negative-prompt --shot-type --multi-shot --single-shot --generate-audio --no-generate-audio --seed --enhance-prompt --no-enhance-prompt --watermark --no-watermark --enable-prompt-expansion --no-enable-prompt-expansion --field --unchecked --shrink --wait --no-wait --timeout --poll-interval -o --output --force -n --dry-run --max-cost --again --once --no-lookup --like --count -y --yes --open --exec --notify --sidecar --no-sidecar --sandbox --no-sandbox --json -q --quiet -v --verbose -h --help' ;;
    'status') flags='--watch --timeout --poll-interval --sandbox --no-sandbox --json -q --quiet -v --verbose -h --help' ;;
    'fetch') flags='--all --wait --no-wait --timeout --poll-interval -o --output --downloads --force --sandbox --no-sandbox --json -q --quiet -v --verbose -h --help' ;;
    'list') flags='--status --limit --all --since --search --stats --sandbox --no-sandbox --json -q --quiet -v --verbose -h --help' ;;
    'show') flags='--sandbox --no-sandbox --json -q --quiet -v --verbose -h --help' ;;
    'history') flags='--sandbox --no-sandbox --json -q --quiet -v --verbose -h --help' ;;
    'history migrate') flags='--json -q --quiet -v --verbose -h --help' ;;
    'history copy') flags='--json -q --quiet -v --verbose -h --help' ;;
    'recover') flags='--adopt --forget --settle-absent --orphans -y --yes --sandbox --no-sandbox --json -q --quiet -v --verbose -h --help' ;;
    'batch') flags='--format --model --image --first-frame --reference --video --audio-url --aspect-ratio --resolution --duration --negative-prompt --shot-type --multi-shot --single-shot --generate-audio --no-generate-audio --seed --enhance-prompt --no-enhance-prompt --watermark --no-watermark --enable-prompt-expansion --no-enable-prompt-expansion --field --unchecked --shrink --concurrency --downloads --shard --wait --no-wait --timeout --poll-interval --output-dir --force --sidecar --no-sidecar -n --dry-run --max-cost -y --yes --fail-fast --keep-going --retry-failed --again --as --no-lookup --sandbox --no-sandbox --json -q --quiet -v --verbose -h --help' ;;
    'models') flags='--all --sandbox --no-sandbox --json -q --quiet -v --verbose -h --help' ;;
    'balance') flags='--sandbox --no-sandbox --json -q --quiet -v --verbose -h --help' ;;
    'config') flags='-h --help' ;;
    'config set') flags='--json -q --quiet -v --verbose -h --help' ;;
    'config get') flags='--json -q --quiet -v --verbose -h --help' ;;
    'config unset') flags='--json -q --quiet -v --verbose -h --help' ;;
    'config list') flags='--json -q --quiet -v --verbose -h --help' ;;
    'config path') flags='--json -q --quiet -v --verbose -h --help' ;;
    'config edit') flags='--json -q --quiet -v --verbose -h --help' ;;
    'doctor') flags='--sandbox --no-sandbox --json -q --quiet -v --verbose -h --help' ;;
    'sandbox') flags='--port --speed --json -q --quiet -v --verbose -h --help' ;;
    'completion') flags='--json -q --quiet -v --verbose -h --help' ;;
    'help') flags='--json -q --quiet -v --verbose -h --help' ;;
    *) return ;;
  esac
  [[ $cur == -* ]] && _wan_words "$flags"
  case $command in
    'generate') : ;;
    'status') _wan_ids ;;
    'fetch') _wan_ids ;;
    'show') _wan_ids ;;
    'history copy') _wan_files ;;
    'recover') _wan_ids ;;
    'batch') _wan_files ;;
    'models') _wan_words 'alibaba/wan-2-6-t2v alibaba/wan-2-6-i2v alibaba/wan-2-6-image-to-video-flash alibaba/wan-2-6-r2v alibaba/wan-2-7-t2v alibaba/wan-2-7-i2v alibaba/wan-2-7-r2v alibaba/wan2.5-t2v-preview alibaba/wan2.5-i2v-preview' ;;
    'config set') _wan_words 'api_key api_key_command base_url output_dir name_template wait timeout poll_interval max_cost budget_day budget_month sidecar sandbox history history_command generate.model generate.audio_url generate.aspect_ratio generate.resolution generate.duration generate.negative_prompt generate.shot_type generate.generate_audio generate.seed generate.enhance_prompt generate.watermark generate.enable_prompt_expansion' ;;
    'config get') _wan_words 'api_key api_key_command base_url output_dir name_template wait timeout poll_interval max_cost budget_day budget_month sidecar sandbox history history_command generate.model generate.audio_url generate.aspect_ratio generate.resolution generate.duration generate.negative_prompt generate.shot_type generate.generate_audio generate.seed generate.enhance_prompt generate.watermark generate.enable_prompt_expansion' ;;
    'config unset') _wan_words 'api_key api_key_command base_url output_dir name_template wait timeout poll_interval max_cost budget_day budget_month sidecar sandbox history history_command generate.model generate.audio_url generate.aspect_ratio generate.resolution generate.duration generate.negative_prompt generate.shot_type generate.generate_audio generate.seed generate.enhance_prompt generate.watermark generate.enable_prompt_expansion' ;;
    'completion') _wan_words 'bash zsh fish powershell' ;;
    'help') _wan_words 'generate status fetch list show history recover batch models balance config doctor sandbox completion help exit-codes environment names money machines' ;;
    'history') _wan_words 'migrate copy' ;;
    'config') _wan_words 'set get unset list path edit' ;;
  esac
}

complete -F _wan wan
