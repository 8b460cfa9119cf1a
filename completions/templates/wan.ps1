# PowerShell completion of wan. Written by `make completions`: change completions/templates/ instead.

Register-ArgumentCompleter -Native -CommandName wan -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $flags = @{
@flags@
  }
  $values = @{
@values@
  }
  $arguments = @{
@words@
  }
  $typed = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
    ForEach-Object { $_.Extent.Text })
  $offered = @()
  if ($typed.Count -le 1) {
    $offered = @(@top@, '--help', '-V', '--version')
  } else {
    $command = $typed[1]
    if ($command -in @(@groups@) -and $typed.Count -gt 2) { $command += ' ' + $typed[2] }
    $asked = $command + ' ' + $typed[-1]
    if ($values.ContainsKey($asked)) {
      $offered = $values[$asked]
    } elseif ($wordToComplete.StartsWith('--')) {
      $offered = $flags[$command]
    } elseif ($command -in @(@ids@) -or $asked -in @(@likes@)) {
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
