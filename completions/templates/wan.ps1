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
    $offered = @(@top@, '--help', '--version')
  } else {
    $command = $typed[1]
    if ($command -in @(@groups@) -and $typed.Count -gt 2) { $command += ' ' + $typed[2] }
    $asked = $command + ' ' + $typed[-1]
    if ($values.ContainsKey($asked)) {
      $offered = $values[$asked]
    } elseif ($wordToComplete.StartsWith('--')) {
      $offered = $flags[$command]
    } elseif ($command -in @(@ids@)) {
      $offered = @(wan --complete-ids $wordToComplete 2>$null)
    } elseif ($arguments.ContainsKey($command)) {
      $offered = $arguments[$command]
    } elseif ($wordToComplete.StartsWith('-')) {
      $offered = $flags[$command]
    }
  }
  $offered | Where-Object { $_ -and $_.StartsWith($wordToComplete) } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}
