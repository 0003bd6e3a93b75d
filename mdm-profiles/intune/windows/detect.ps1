# SPDX-License-Identifier: EUPL-1.2
# Intune, remediations, detection script: prints one line; exit 0 all is well, 1 it is not.
# Run it as SYSTEM in 64-bit PowerShell. Built on "status --json" (docs/spec/health.md, section 7).
# Not run on a real device.
$agent = Join-Path $env:ProgramFiles 'Lakzegel\Agent\lakzegel-agent.exe'
$config = Join-Path $env:ProgramData 'Lakzegel\agent.toml'
if (-not (Test-Path -LiteralPath $agent)) {
    Write-Output 'not-installed'
    exit 1
}
$said = & $agent status --config $config --json 2>$null
$code = $LASTEXITCODE
$mdm = $null
try { $mdm = ($said -join "`n" | ConvertFrom-Json).mdm } catch { $mdm = $null }
if ($null -eq $mdm) {
    if ($code -eq 2) { Write-Output 'not-configured' } else { Write-Output 'no-answer' }
    exit 1
}
Write-Output ("{0} {1}" -f $mdm.state, $mdm.problems).TrimEnd()
if ($mdm.state -eq 'healthy' -or $mdm.state -eq 'ended') { exit 0 }
exit 1
