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
complete -c wan -n __wan_none -a generate -d 'submit a prompt, wait for its video, download it'
complete -c wan -n __wan_none -a status -d 'show the state of generations'
complete -c wan -n __wan_none -a fetch -d 'wait for generations and download their videos'
complete -c wan -n __wan_none -a list -d 'list the local history and its total cost'
complete -c wan -n __wan_none -a show -d 'show everything about one generation, and how to repeat it'
complete -c wan -n __wan_none -a history -d 'show where the history is; migrate or copy it'
complete -c wan -n __wan_none -a recover -d 'resolve submissions whose outcome is unknown'
complete -c wan -n __wan_none -a batch -d 'submit many prompts from a file; run it again to continue'
complete -c wan -n __wan_none -a models -d 'list the Wan models with their prices and options'
complete -c wan -n __wan_none -a balance -d 'print the account’s balance and the key’s limit'
complete -c wan -n __wan_none -a config -d 'read and change the configuration'
complete -c wan -n __wan_none -a doctor -d 'check the key, the files, the API and the clock'
complete -c wan -n __wan_none -a sandbox -d 'serve the same API on this machine, for free'
complete -c wan -n __wan_none -a completion -d 'print the completion script of a shell'
complete -c wan -n __wan_none -a help -d 'show the help of a command or a topic'
complete -c wan -n '__wan_only history' -a migrate -d 'Create the tables of the database, or bring them to this version of wan'
complete -c wan -n '__wan_only history' -a copy -d 'Copy the generations of one history into another; what is there already stays as it is'
complete -c wan -n '__wan_only config' -a set -d 'Set KEY in the configuration file'
complete -c wan -n '__wan_only config' -a get -d 'Print the value of KEY that is in effect; the API key is masked'
complete -c wan -n '__wan_only config' -a unset -d 'Remove KEY from the configuration file'
complete -c wan -n '__wan_only config' -a list -d 'Print the value of each key and where it comes from'
complete -c wan -n '__wan_only config' -a path -d 'Print the path of the configuration file'
complete -c wan -n '__wan_only config' -a edit -d 'Open the file in $VISUAL or $EDITOR and check it afterwards'
complete -c wan -n '__wan_in generate' -l prompt-file -d 'Read the prompt from FILE' -rF
complete -c wan -n '__wan_in generate' -l model -d 'The model to use' -x -a 'alibaba/wan-2-6-t2v alibaba/wan-2-6-i2v alibaba/wan-2-6-image-to-video-flash alibaba/wan-2-6-r2v alibaba/wan-2-7-t2v alibaba/wan-2-7-i2v alibaba/wan-2-7-r2v alibaba/wan2.5-t2v-preview alibaba/wan2.5-i2v-preview'
complete -c wan -n '__wan_in generate' -l image -d 'Start from this picture (image-to-video models)' -rF
complete -c wan -n '__wan_in generate' -l first-frame -d 'First frame (2.7-r2v)' -rF
complete -c wan -n '__wan_in generate' -l reference -d 'A person or thing to show; may be repeated' -rF
complete -c wan -n '__wan_in generate' -l video -d 'A video to refer to; may be repeated' -x
complete -c wan -n '__wan_in generate' -l audio-url -d 'Take the sound from URL (http or https)' -x
complete -c wan -n '__wan_in generate' -l aspect-ratio -d 'Shape of the frame' -x -a '16:9 9:16 1:1 4:3 3:4'
complete -c wan -n '__wan_in generate' -l resolution -d 'Size of the frame' -x -a '480p 720p 1080p'
complete -c wan -n '__wan_in generate' -l duration -d 'Seconds of video' -x -a '5 10 15'
complete -c wan -n '__wan_in generate' -l negative-prompt -d 'Leave TEXT out of the video' -x
complete -c wan -n '__wan_in generate' -l shot-type -d 'Make one shot, or several with cuts' -x -a 'single multi'
complete -c wan -n '__wan_in generate' -l multi-shot -d 'Same as --shot-type multi'
complete -c wan -n '__wan_in generate' -l single-shot -d 'Same as --shot-type single'
complete -c wan -n '__wan_in generate' -l generate-audio -l no-generate-audio -d 'Make the video with sound, or silent'
complete -c wan -n '__wan_in generate' -l seed -d 'Seed: the same request and seed give the same video' -x
complete -c wan -n '__wan_in generate' -l enhance-prompt -l no-enhance-prompt -d 'Let the server rewrite the prompt (or not)'
complete -c wan -n '__wan_in generate' -l watermark -l no-watermark -d 'Put a watermark on the video'
complete -c wan -n '__wan_in generate' -l enable-prompt-expansion -l no-enable-prompt-expansion -d 'Let the server expand the prompt (2.7-i2v)'
complete -c wan -n '__wan_in generate' -l field -d 'Set a field of a model of the live catalogue (VALUE may be JSON); may be repeated' -x
complete -c wan -n '__wan_in generate' -l unchecked -d 'Submit to a model without a schema; check nothing'
complete -c wan -n '__wan_in generate' -l shrink -d 'Scale a picture down if it is too large to send'
complete -c wan -n '__wan_in generate' -l wait -l no-wait -d 'Wait for the video and download it (or not)'
complete -c wan -n '__wan_in generate' -l timeout -d 'Stop waiting after SECONDS (or 5m, 1h); the video stays safe' -x
complete -c wan -n '__wan_in generate' -l poll-interval -d 'Poll every SECONDS' -x
complete -c wan -n '__wan_in generate' -s o -l output -d 'Save as FILE or into DIR/, also in s3://BUCKET/; - writes to stdout' -rF
complete -c wan -n '__wan_in generate' -l force -d 'Replace an existing file'
complete -c wan -n '__wan_in generate' -s n -l dry-run -d 'Print the request and its price; submit nothing'
complete -c wan -n '__wan_in generate' -l max-cost -d 'Refuse to pay more than USD, or an unknown price' -x
complete -c wan -n '__wan_in generate' -l again -d 'Submit again, even if an identical submission may be in flight'
complete -c wan -n '__wan_in generate' -l once -d 'Pay for at most one video per KEY; the next run continues with it' -x
complete -c wan -n '__wan_in generate' -l no-lookup -d 'Do not search the account’s log for videos that other machines made'
complete -c wan -n '__wan_in generate' -l like -d 'Start from the request of ID; flags override it' -x -k -a '(__wan_ids)'
complete -c wan -n '__wan_in generate' -l count -d 'Make N variations; a seed, if set, goes up by 1 each' -x
complete -c wan -n '__wan_in generate' -s y -l yes -d 'Do not ask before paying for --count N'
complete -c wan -n '__wan_in generate' -l open -d 'Open the video when it is saved'
complete -c wan -n '__wan_in generate' -l exec -d 'Run COMMAND with the saved video: {} is its path, its JSON is on stdin' -x
complete -c wan -n '__wan_in generate' -l notify -d 'Notify on the desktop at the end, or ring the bell'
complete -c wan -n '__wan_in generate' -l sidecar -l no-sidecar -d 'Also write FILE.json: request, id, cost, times'
complete -c wan -n '__wan_in generate' -l sandbox -l no-sandbox -d 'Use the free API on this machine, which needs no key'
complete -c wan -n '__wan_in generate' -l json -d 'Print one JSON object per line on stdout'
complete -c wan -n '__wan_in generate' -s q -l quiet -d 'Print only errors on stderr'
complete -c wan -n '__wan_in generate' -s v -l verbose -d 'Print requests and responses on stderr, not the key'
complete -c wan -n '__wan_in generate' -s h -l help -d 'Show the help'
complete -c wan -n '__wan_in status' -l watch -d 'Follow the generations to their end, without downloading'
complete -c wan -n '__wan_in status' -l timeout -d 'Stop waiting after SECONDS (or 5m, 1h); the video stays safe' -x
complete -c wan -n '__wan_in status' -l poll-interval -d 'Poll every SECONDS' -x
complete -c wan -n '__wan_in status' -l sandbox -l no-sandbox -d 'Use the free API on this machine, which needs no key'
complete -c wan -n '__wan_in status' -l json -d 'Print one JSON object per line on stdout'
complete -c wan -n '__wan_in status' -s q -l quiet -d 'Print only errors on stderr'
complete -c wan -n '__wan_in status' -s v -l verbose -d 'Print requests and responses on stderr, not the key'
complete -c wan -n '__wan_in status' -s h -l help -d 'Show the help'
complete -c wan -n '__wan_in status' -k -a '(__wan_ids)'
complete -c wan -n '__wan_in fetch' -l all -d 'Fetch everything in the history that is not on disk yet'
complete -c wan -n '__wan_in fetch' -l wait -l no-wait -d 'Wait for the video and download it (or not)'
complete -c wan -n '__wan_in fetch' -l timeout -d 'Stop waiting after SECONDS (or 5m, 1h); the video stays safe' -x
complete -c wan -n '__wan_in fetch' -l poll-interval -d 'Poll every SECONDS' -x
complete -c wan -n '__wan_in fetch' -s o -l output -d 'Save as FILE or into DIR/, also in s3://BUCKET/; - writes to stdout' -rF
complete -c wan -n '__wan_in fetch' -l downloads -d 'Download at most N videos at once' -x
complete -c wan -n '__wan_in fetch' -l force -d 'Replace an existing file'
complete -c wan -n '__wan_in fetch' -l sandbox -l no-sandbox -d 'Use the free API on this machine, which needs no key'
complete -c wan -n '__wan_in fetch' -l json -d 'Print one JSON object per line on stdout'
complete -c wan -n '__wan_in fetch' -s q -l quiet -d 'Print only errors on stderr'
complete -c wan -n '__wan_in fetch' -s v -l verbose -d 'Print requests and responses on stderr, not the key'
complete -c wan -n '__wan_in fetch' -s h -l help -d 'Show the help'
complete -c wan -n '__wan_in fetch' -k -a '(__wan_ids)'
complete -c wan -n '__wan_in list' -l status -d 'List only saved, ready, generating, queued, failed or unknown generations' -x -a 'saved ready generating queued failed unknown claimed unsent sending rejected completed error'
complete -c wan -n '__wan_in list' -l limit -d 'List at most N generations' -x
complete -c wan -n '__wan_in list' -l all -d 'List the whole history'
complete -c wan -n '__wan_in list' -l since -d 'List only generations since WHEN: 30m, 12h, 7d, 2w, or 2026-08-21' -x
complete -c wan -n '__wan_in list' -l search -d 'List only generations whose prompt contains TEXT' -x
complete -c wan -n '__wan_in list' -l stats -d 'Print credits and USD by day and model'
complete -c wan -n '__wan_in list' -l sandbox -l no-sandbox -d 'Use the free API on this machine, which needs no key'
complete -c wan -n '__wan_in list' -l json -d 'Print one JSON object per line on stdout'
complete -c wan -n '__wan_in list' -s q -l quiet -d 'Print only errors on stderr'
complete -c wan -n '__wan_in list' -s v -l verbose -d 'Print requests and responses on stderr, not the key'
complete -c wan -n '__wan_in list' -s h -l help -d 'Show the help'
complete -c wan -n '__wan_in show' -l sandbox -l no-sandbox -d 'Use the free API on this machine, which needs no key'
complete -c wan -n '__wan_in show' -l json -d 'Print one JSON object per line on stdout'
complete -c wan -n '__wan_in show' -s q -l quiet -d 'Print only errors on stderr'
complete -c wan -n '__wan_in show' -s v -l verbose -d 'Print requests and responses on stderr, not the key'
complete -c wan -n '__wan_in show' -s h -l help -d 'Show the help'
complete -c wan -n '__wan_in show' -k -a '(__wan_ids)'
complete -c wan -n '__wan_in history' -l sandbox -l no-sandbox -d 'Use the free API on this machine, which needs no key'
complete -c wan -n '__wan_in history' -l json -d 'Print one JSON object per line on stdout'
complete -c wan -n '__wan_in history' -s q -l quiet -d 'Print only errors on stderr'
complete -c wan -n '__wan_in history' -s v -l verbose -d 'Print requests and responses on stderr, not the key'
complete -c wan -n '__wan_in history' -s h -l help -d 'Show the help'
complete -c wan -n '__wan_in history migrate' -l json -d 'Print one JSON object per line on stdout'
complete -c wan -n '__wan_in history migrate' -s q -l quiet -d 'Print only errors on stderr'
complete -c wan -n '__wan_in history migrate' -s v -l verbose -d 'Print requests and responses on stderr, not the key'
complete -c wan -n '__wan_in history migrate' -s h -l help -d 'Show the help'
complete -c wan -n '__wan_in history copy' -l json -d 'Print one JSON object per line on stdout'
complete -c wan -n '__wan_in history copy' -s q -l quiet -d 'Print only errors on stderr'
complete -c wan -n '__wan_in history copy' -s v -l verbose -d 'Print requests and responses on stderr, not the key'
complete -c wan -n '__wan_in history copy' -s h -l help -d 'Show the help'
complete -c wan -n '__wan_in history copy' -F
complete -c wan -n '__wan_in recover' -l adopt -d 'Record that generation ID belongs to the submission, or is one of --orphans' -x
complete -c wan -n '__wan_in recover' -l forget -d 'Record that the submission was not accepted' -x -k -a '(__wan_ids)'
complete -c wan -n '__wan_in recover' -l settle-absent -d 'Give up what is older (such as 24h) and left no trace in the account' -x
complete -c wan -n '__wan_in recover' -l orphans -d 'List paid generations of wan that the history does not have'
complete -c wan -n '__wan_in recover' -s y -l yes -d 'Give up without asking; a script needs it'
complete -c wan -n '__wan_in recover' -l sandbox -l no-sandbox -d 'Use the free API on this machine, which needs no key'
complete -c wan -n '__wan_in recover' -l json -d 'Print one JSON object per line on stdout'
complete -c wan -n '__wan_in recover' -s q -l quiet -d 'Print only errors on stderr'
complete -c wan -n '__wan_in recover' -s v -l verbose -d 'Print requests and responses on stderr, not the key'
complete -c wan -n '__wan_in recover' -s h -l help -d 'Show the help'
complete -c wan -n '__wan_in recover' -k -a '(__wan_ids)'
complete -c wan -n '__wan_in batch' -l format -d 'Read FILE as this format' -x -a 'jsonl json csv tsv text'
complete -c wan -n '__wan_in batch' -l model -d 'The model to use' -x -a 'alibaba/wan-2-6-t2v alibaba/wan-2-6-i2v alibaba/wan-2-6-image-to-video-flash alibaba/wan-2-6-r2v alibaba/wan-2-7-t2v alibaba/wan-2-7-i2v alibaba/wan-2-7-r2v alibaba/wan2.5-t2v-preview alibaba/wan2.5-i2v-preview'
complete -c wan -n '__wan_in batch' -l image -d 'Start from this picture (image-to-video models)' -rF
complete -c wan -n '__wan_in batch' -l first-frame -d 'First frame (2.7-r2v)' -rF
complete -c wan -n '__wan_in batch' -l reference -d 'A person or thing to show; may be repeated' -rF
complete -c wan -n '__wan_in batch' -l video -d 'A video to refer to; may be repeated' -x
complete -c wan -n '__wan_in batch' -l audio-url -d 'Take the sound from URL (http or https)' -x
complete -c wan -n '__wan_in batch' -l aspect-ratio -d 'Shape of the frame' -x -a '16:9 9:16 1:1 4:3 3:4'
complete -c wan -n '__wan_in batch' -l resolution -d 'Size of the frame' -x -a '480p 720p 1080p'
complete -c wan -n '__wan_in batch' -l duration -d 'Seconds of video' -x -a '5 10 15'
complete -c wan -n '__wan_in batch' -l negative-prompt -d 'Leave TEXT out of the video' -x
complete -c wan -n '__wan_in batch' -l shot-type -d 'Make one shot, or several with cuts' -x -a 'single multi'
complete -c wan -n '__wan_in batch' -l multi-shot -d 'Same as --shot-type multi'
complete -c wan -n '__wan_in batch' -l single-shot -d 'Same as --shot-type single'
complete -c wan -n '__wan_in batch' -l generate-audio -l no-generate-audio -d 'Make the video with sound, or silent'
complete -c wan -n '__wan_in batch' -l seed -d 'Seed: the same request and seed give the same video' -x
complete -c wan -n '__wan_in batch' -l enhance-prompt -l no-enhance-prompt -d 'Let the server rewrite the prompt (or not)'
complete -c wan -n '__wan_in batch' -l watermark -l no-watermark -d 'Put a watermark on the video'
complete -c wan -n '__wan_in batch' -l enable-prompt-expansion -l no-enable-prompt-expansion -d 'Let the server expand the prompt (2.7-i2v)'
complete -c wan -n '__wan_in batch' -l field -d 'Set a field of a model of the live catalogue (VALUE may be JSON); may be repeated' -x
complete -c wan -n '__wan_in batch' -l unchecked -d 'Submit to a model without a schema; check nothing'
complete -c wan -n '__wan_in batch' -l shrink -d 'Scale a picture down if it is too large to send'
complete -c wan -n '__wan_in batch' -l concurrency -d 'Keep at most N generations in flight' -x
complete -c wan -n '__wan_in batch' -l downloads -d 'Download at most N videos at once' -x
complete -c wan -n '__wan_in batch' -l shard -d 'Submit every N-th row, starting at row K (0 to N-1); auto for array jobs' -x -a 'auto'
complete -c wan -n '__wan_in batch' -l wait -l no-wait -d 'Wait for the video and download it (or not)'
complete -c wan -n '__wan_in batch' -l timeout -d 'Stop waiting for a generation after SECONDS (or 5m, 1h)' -x
complete -c wan -n '__wan_in batch' -l poll-interval -d 'Poll every SECONDS' -x
complete -c wan -n '__wan_in batch' -l output-dir -d 'Save the videos in DIR, or s3://BUCKET/DIR' -rF
complete -c wan -n '__wan_in batch' -l force -d 'Replace an existing file'
complete -c wan -n '__wan_in batch' -l sidecar -l no-sidecar -d 'Also write FILE.json: request, id, cost, times'
complete -c wan -n '__wan_in batch' -s n -l dry-run -d 'Print the request and its price; submit nothing'
complete -c wan -n '__wan_in batch' -l max-cost -d 'Refuse to pay more than USD, or an unknown price' -x
complete -c wan -n '__wan_in batch' -s y -l yes -d 'Pay without asking; a script needs this or --max-cost'
complete -c wan -n '__wan_in batch' -l fail-fast -l keep-going -d 'After a row fails, submit no more rows; or continue'
complete -c wan -n '__wan_in batch' -l retry-failed -d 'Submit failed rows again'
complete -c wan -n '__wan_in batch' -l again -d 'Submit again, even if an identical submission may be in flight'
complete -c wan -n '__wan_in batch' -l as -d 'Name the batch; the same name continues it' -x
complete -c wan -n '__wan_in batch' -l no-lookup -d 'Do not search the account’s log for videos that other machines made'
complete -c wan -n '__wan_in batch' -l sandbox -l no-sandbox -d 'Use the free API on this machine, which needs no key'
complete -c wan -n '__wan_in batch' -l json -d 'Print one JSON object per line on stdout'
complete -c wan -n '__wan_in batch' -s q -l quiet -d 'Print only errors on stderr'
complete -c wan -n '__wan_in batch' -s v -l verbose -d 'Print requests and responses on stderr, not the key'
complete -c wan -n '__wan_in batch' -s h -l help -d 'Show the help'
complete -c wan -n '__wan_in batch' -F
complete -c wan -n '__wan_in models' -l all -d 'List every video model of the catalogue'
complete -c wan -n '__wan_in models' -l sandbox -l no-sandbox -d 'Use the free API on this machine, which needs no key'
complete -c wan -n '__wan_in models' -l json -d 'Print one JSON object per line on stdout'
complete -c wan -n '__wan_in models' -s q -l quiet -d 'Print only errors on stderr'
complete -c wan -n '__wan_in models' -s v -l verbose -d 'Print requests and responses on stderr, not the key'
complete -c wan -n '__wan_in models' -s h -l help -d 'Show the help'
complete -c wan -n '__wan_in models' -a 'alibaba/wan-2-6-t2v alibaba/wan-2-6-i2v alibaba/wan-2-6-image-to-video-flash alibaba/wan-2-6-r2v alibaba/wan-2-7-t2v alibaba/wan-2-7-i2v alibaba/wan-2-7-r2v alibaba/wan2.5-t2v-preview alibaba/wan2.5-i2v-preview'
complete -c wan -n '__wan_in balance' -l sandbox -l no-sandbox -d 'Use the free API on this machine, which needs no key'
complete -c wan -n '__wan_in balance' -l json -d 'Print one JSON object per line on stdout'
complete -c wan -n '__wan_in balance' -s q -l quiet -d 'Print only errors on stderr'
complete -c wan -n '__wan_in balance' -s v -l verbose -d 'Print requests and responses on stderr, not the key'
complete -c wan -n '__wan_in balance' -s h -l help -d 'Show the help'
complete -c wan -n '__wan_in config' -s h -l help -d 'Show the help'
complete -c wan -n '__wan_in config set' -l json -d 'Print one JSON object per line on stdout'
complete -c wan -n '__wan_in config set' -s q -l quiet -d 'Print only errors on stderr'
complete -c wan -n '__wan_in config set' -s v -l verbose -d 'Print the versions on stderr first'
complete -c wan -n '__wan_in config set' -s h -l help -d 'Show the help'
complete -c wan -n '__wan_in config set' -a 'api_key api_key_command base_url output_dir name_template wait timeout poll_interval max_cost budget_day budget_month sidecar sandbox history history_command generate.model generate.audio_url generate.aspect_ratio generate.resolution generate.duration generate.negative_prompt generate.shot_type generate.generate_audio generate.seed generate.enhance_prompt generate.watermark generate.enable_prompt_expansion'
complete -c wan -n '__wan_in config get' -l json -d 'Print one JSON object per line on stdout'
complete -c wan -n '__wan_in config get' -s q -l quiet -d 'Print only errors on stderr'
complete -c wan -n '__wan_in config get' -s v -l verbose -d 'Print the versions on stderr first'
complete -c wan -n '__wan_in config get' -s h -l help -d 'Show the help'
complete -c wan -n '__wan_in config get' -a 'api_key api_key_command base_url output_dir name_template wait timeout poll_interval max_cost budget_day budget_month sidecar sandbox history history_command generate.model generate.audio_url generate.aspect_ratio generate.resolution generate.duration generate.negative_prompt generate.shot_type generate.generate_audio generate.seed generate.enhance_prompt generate.watermark generate.enable_prompt_expansion'
complete -c wan -n '__wan_in config unset' -l json -d 'Print one JSON object per line on stdout'
complete -c wan -n '__wan_in config unset' -s q -l quiet -d 'Print only errors on stderr'
complete -c wan -n '__wan_in config unset' -s v -l verbose -d 'Print the versions on stderr first'
complete -c wan -n '__wan_in config unset' -s h -l help -d 'Show the help'
complete -c wan -n '__wan_in config unset' -a 'api_key api_key_command base_url output_dir name_template wait timeout poll_interval max_cost budget_day budget_month sidecar sandbox history history_command generate.model generate.audio_url generate.aspect_ratio generate.resolution generate.duration generate.negative_prompt generate.shot_type generate.generate_audio generate.seed generate.enhance_prompt generate.watermark generate.enable_prompt_expansion'
complete -c wan -n '__wan_in config list' -l json -d 'Print one JSON object per line on stdout'
complete -c wan -n '__wan_in config list' -s q -l quiet -d 'Print only errors on stderr'
complete -c wan -n '__wan_in config list' -s v -l verbose -d 'Print the versions on stderr first'
complete -c wan -n '__wan_in config list' -s h -l help -d 'Show the help'
complete -c wan -n '__wan_in config path' -l json -d 'Print one JSON object per line on stdout'
complete -c wan -n '__wan_in config path' -s q -l quiet -d 'Print only errors on stderr'
complete -c wan -n '__wan_in config path' -s v -l verbose -d 'Print the versions on stderr first'
complete -c wan -n '__wan_in config path' -s h -l help -d 'Show the help'
complete -c wan -n '__wan_in config edit' -l json -d 'Print one JSON object per line on stdout'
complete -c wan -n '__wan_in config edit' -s q -l quiet -d 'Print only errors on stderr'
complete -c wan -n '__wan_in config edit' -s v -l verbose -d 'Print the versions on stderr first'
complete -c wan -n '__wan_in config edit' -s h -l help -d 'Show the help'
complete -c wan -n '__wan_in doctor' -l sandbox -l no-sandbox -d 'Use the free API on this machine, which needs no key'
complete -c wan -n '__wan_in doctor' -l json -d 'Print one JSON object per line on stdout'
complete -c wan -n '__wan_in doctor' -s q -l quiet -d 'Print only errors on stderr'
complete -c wan -n '__wan_in doctor' -s v -l verbose -d 'Print requests and responses on stderr, not the key'
complete -c wan -n '__wan_in doctor' -s h -l help -d 'Show the help'
complete -c wan -n '__wan_in sandbox' -l port -d 'Listen on PORT; 0: any free port' -x
complete -c wan -n '__wan_in sandbox' -l speed -d '1: a clip takes 2 s; 0.01: 200 s, like the real service' -x
complete -c wan -n '__wan_in sandbox' -l json -d 'Print one JSON object per line on stdout'
complete -c wan -n '__wan_in sandbox' -s q -l quiet -d 'Print only errors on stderr'
complete -c wan -n '__wan_in sandbox' -s v -l verbose -d 'Print requests and responses on stderr, not the key'
complete -c wan -n '__wan_in sandbox' -s h -l help -d 'Show the help'
complete -c wan -n '__wan_in completion' -l json -d 'Print one JSON object per line on stdout'
complete -c wan -n '__wan_in completion' -s q -l quiet -d 'Print only errors on stderr'
complete -c wan -n '__wan_in completion' -s v -l verbose -d 'Print the versions on stderr first'
complete -c wan -n '__wan_in completion' -s h -l help -d 'Show the help'
complete -c wan -n '__wan_in completion' -a 'bash zsh fish powershell'
complete -c wan -n '__wan_in help' -l json -d 'Print one JSON object per line on stdout'
complete -c wan -n '__wan_in help' -s q -l quiet -d 'Print only errors on stderr'
complete -c wan -n '__wan_in help' -s v -l verbose -d 'Print the versions on stderr first'
complete -c wan -n '__wan_in help' -s h -l help -d 'Show the help'
complete -c wan -n '__wan_in help' -a 'generate status fetch list show history recover batch models balance config doctor sandbox completion help exit-codes environment names money machines'
