# PowerShell completion of wan. Written by `make completions`: change completions/templates/ instead.

Register-ArgumentCompleter -Native -CommandName wan -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $flags = @{
    'generate' = @('--prompt-file', '--model', '--image', '--first-frame', '--reference', '--video', '--audio-url', '--aspect-ratio', '--resolution', '--duration', '--negative-prompt', '--shot-type', '--multi-shot', '--single-shot', '--generate-audio', '--no-generate-audio', '--seed', '--enhance-prompt', '--no-enhance-prompt', '--watermark', '--no-watermark', '--enable-prompt-expansion', '--no-enable-prompt-expansion', '--field', '--unchecked', '--shrink', '--wait', '--no-wait', '--timeout', '--poll-interval', '-o', '--output', '--force', '-n', '--dry-run', '--max-cost', '--again', '--once', '--no-lookup', '--like', '--count', '-y', '--yes', '--open', '--exec', '--notify', '--sidecar', '--no-sidecar', '--sandbox', '--no-sandbox', '--json', '-q', '--quiet', '-v', '--verbose', '-h', '--help')
    'status' = @('--watch', '--timeout', '--poll-interval', '--sandbox', '--no-sandbox', '--json', '-q', '--quiet', '-v', '--verbose', '-h', '--help')
    'fetch' = @('--all', '--wait', '--no-wait', '--timeout', '--poll-interval', '-o', '--output', '--downloads', '--force', '--sandbox', '--no-sandbox', '--json', '-q', '--quiet', '-v', '--verbose', '-h', '--help')
    'list' = @('--status', '--limit', '--all', '--since', '--search', '--stats', '--sandbox', '--no-sandbox', '--json', '-q', '--quiet', '-v', '--verbose', '-h', '--help')
    'show' = @('--sandbox', '--no-sandbox', '--json', '-q', '--quiet', '-v', '--verbose', '-h', '--help')
    'history' = @('--sandbox', '--no-sandbox', '--json', '-q', '--quiet', '-v', '--verbose', '-h', '--help')
    'history migrate' = @('--json', '-q', '--quiet', '-v', '--verbose', '-h', '--help')
    'history copy' = @('--json', '-q', '--quiet', '-v', '--verbose', '-h', '--help')
    'recover' = @('--adopt', '--forget', '--settle-absent', '--orphans', '-y', '--yes', '--sandbox', '--no-sandbox', '--json', '-q', '--quiet', '-v', '--verbose', '-h', '--help')
    'batch' = @('--format', '--model', '--image', '--first-frame', '--reference', '--video', '--audio-url', '--aspect-ratio', '--resolution', '--duration', '--negative-prompt', '--shot-type', '--multi-shot', '--single-shot', '--generate-audio', '--no-generate-audio', '--seed', '--enhance-prompt', '--no-enhance-prompt', '--watermark', '--no-watermark', '--enable-prompt-expansion', '--no-enable-prompt-expansion', '--field', '--unchecked', '--shrink', '--concurrency', '--downloads', '--shard', '--wait', '--no-wait', '--timeout', '--poll-interval', '--output-dir', '--force', '--sidecar', '--no-sidecar', '-n', '--dry-run', '--max-cost', '-y', '--yes', '--fail-fast', '--keep-going', '--retry-failed', '--again', '--as', '--no-lookup', '--sandbox', '--no-sandbox', '--json', '-q', '--quiet', '-v', '--verbose', '-h', '--help')
    'models' = @('--all', '--sandbox', '--no-sandbox', '--json', '-q', '--quiet', '-v', '--verbose', '-h', '--help')
    'balance' = @('--sandbox', '--no-sandbox', '--json', '-q', '--quiet', '-v', '--verbose', '-h', '--help')
    'config' = @('-h', '--help')
    'config set' = @('--json', '-q', '--quiet', '-v', '--verbose', '-h', '--help')
    'config get' = @('--json', '-q', '--quiet', '-v', '--verbose', '-h', '--help')
    'config unset' = @('--json', '-q', '--quiet', '-v', '--verbose', '-h', '--help')
    'config list' = @('--json', '-q', '--quiet', '-v', '--verbose', '-h', '--help')
    'config path' = @('--json', '-q', '--quiet', '-v', '--verbose', '-h', '--help')
    'config edit' = @('--json', '-q', '--quiet', '-v', '--verbose', '-h', '--help')
    'doctor' = @('--sandbox', '--no-sandbox', '--json', '-q', '--quiet', '-v', '--verbose', '-h', '--help')
    'sandbox' = @('--port', '--speed', '--json', '-q', '--quiet', '-v', '--verbose', '-h', '--help')
    'completion' = @('--json', '-q', '--quiet', '-v', '--verbose', '-h', '--help')
    'help' = @('--json', '-q', '--quiet', '-v', '--verbose', '-h', '--help')
  }
  $values = @{
    'generate --model' = @('alibaba/wan-2-6-t2v', 'alibaba/wan-2-6-i2v', 'alibaba/wan-2-6-image-to-video-flash', 'alibaba/wan-2-6-r2v', 'alibaba/wan-2-7-t2v', 'alibaba/wan-2-7-i2v', 'alibaba/wan-2-7-r2v', 'alibaba/wan2.5-t2v-preview', 'alibaba/wan2.5-i2v-preview')
    'generate --aspect-ratio' = @('16:9', '9:16', '1:1', '4:3', '3:4')
    'generate --resolution' = @('480p', '720p', '1080p')
    'generate --duration' = @('5', '10', '15')
    'generate --shot-type' = @('single', 'multi')
    'list --status' = @('saved', 'ready', 'generating', 'queued', 'failed', 'unknown', 'claimed', 'unsent', 'sending', 'rejected', 'completed', 'error')
    'batch --format' = @('jsonl', 'json', 'csv', 'tsv', 'text')
    'batch --model' = @('alibaba/wan-2-6-t2v', 'alibaba/wan-2-6-i2v', 'alibaba/wan-2-6-image-to-video-flash', 'alibaba/wan-2-6-r2v', 'alibaba/wan-2-7-t2v', 'alibaba/wan-2-7-i2v', 'alibaba/wan-2-7-r2v', 'alibaba/wan2.5-t2v-preview', 'alibaba/wan2.5-i2v-preview')
    'batch --aspect-ratio' = @('16:9', '9:16', '1:1', '4:3', '3:4')
    'batch --resolution' = @('480p', '720p', '1080p')
    'batch --duration' = @('5', '10', '15')
    'batch --shot-type' = @('single', 'multi')
    'batch --shard' = @('auto')
  }
  $arguments = @{
    'history' = @('migrate', 'copy')
    'config' = @('set', 'get', 'unset', 'list', 'path', 'edit')
    'models' = @('alibaba/wan-2-6-t2v', 'alibaba/wan-2-6-i2v', 'alibaba/wan-2-6-image-to-video-flash', 'alibaba/wan-2-6-r2v', 'alibaba/wan-2-7-t2v', 'alibaba/wan-2-7-i2v', 'alibaba/wan-2-7-r2v', 'alibaba/wan2.5-t2v-preview', 'alibaba/wan2.5-i2v-preview')
    'config set' = @('api_key', 'api_key_command', 'base_url', 'output_dir', 'name_template', 'wait', 'timeout', 'poll_interval', 'max_cost', 'budget_day', 'budget_month', 'sidecar', 'sandbox', 'history', 'history_command', 'generate.model', 'generate.audio_url', 'generate.aspect_ratio', 'generate.resolution', 'generate.duration', 'generate.negative_prompt', 'generate.shot_type', 'generate.generate_audio', 'generate.seed', 'generate.enhance_prompt', 'generate.watermark', 'generate.enable_prompt_expansion')
    'config get' = @('api_key', 'api_key_command', 'base_url', 'output_dir', 'name_template', 'wait', 'timeout', 'poll_interval', 'max_cost', 'budget_day', 'budget_month', 'sidecar', 'sandbox', 'history', 'history_command', 'generate.model', 'generate.audio_url', 'generate.aspect_ratio', 'generate.resolution', 'generate.duration', 'generate.negative_prompt', 'generate.shot_type', 'generate.generate_audio', 'generate.seed', 'generate.enhance_prompt', 'generate.watermark', 'generate.enable_prompt_expansion')
    'config unset' = @('api_key', 'api_key_command', 'base_url', 'output_dir', 'name_template', 'wait', 'timeout', 'poll_interval', 'max_cost', 'budget_day', 'budget_month', 'sidecar', 'sandbox', 'history', 'history_command', 'generate.model', 'generate.audio_url', 'generate.aspect_ratio', 'generate.resolution', 'generate.duration', 'generate.negative_prompt', 'generate.shot_type', 'generate.generate_audio', 'generate.seed', 'generate.enhance_prompt', 'generate.watermark', 'generate.enable_prompt_expansion')
    'completion' = @('bash', 'zsh', 'fish', 'powershell')
    'help' = @('generate', 'status', 'fetch', 'list', 'show', 'history', 'recover', 'batch', 'models', 'balance', 'config', 'doctor', 'sandbox', 'completion', 'help', 'exit-codes', 'environment', 'names', 'money', 'machines')
  }
  $typed = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
    ForEach-Object { $_.Extent.Text })
  $offered = @()
  if ($typed.Count -le 1) {
    $offered = @('generate', 'status', 'fetch', 'list', 'show', 'history', 'recover', 'batch', 'models', 'balance', 'config', 'doctor', 'sandbox', 'completion', 'help', '--help', '-V', '--version')
  } else {
    $command = $typed[1]
    if ($command -in @('history', 'config') -and $typed.Count -gt 2) { $command += ' ' + $typed[2] }
    $asked = $command + ' ' + $typed[-1]
    if ($values.ContainsKey($asked)) {
      $offered = $values[$asked]
    } elseif ($wordToComplete.StartsWith('--')) {
      $offered = $flags[$command]
    } elseif ($command -in @('status', 'fetch', 'show', 'recover') -or $asked -in @('generate --like', 'recover --forget')) {
      $where = @($typed | Where-Object { $_ -in @('--sandbox', '--no-sandbox') })
      $offered = @(wan --complete-ids @where $wordToComplete 2>$null)
    } elseif ($arguments.ContainsKey($command)) {
      $offered = $arguments[$command]
    } elseif ($wordToComplete.StartsWith('-')) {
      $offered = $flags[$command]
    }
  }
  $offered | Where-Object { $_ -and $_.StartsWith($wordToComplete) } | ForEach-Object {
    # Show the state and the prompt, which follow a tab, beside the id.
    $word, $says = $_ -split "`t", 2
    $shown = if ($says) { "$word  $says" } else { $word }
    [System.Management.Automation.CompletionResult]::new($word, $shown, 'ParameterValue', $shown)
  }
}
