# SPDX-License-Identifier: EUPL-1.2
# Intune, custom compliance, discovery script: one line of JSON that the rules of compliance.json judge.
# Run it as SYSTEM in 64-bit PowerShell. Built on "status --json" (docs/spec/health.md, section 7).
# Not run on a real device.
$agent = Join-Path $env:ProgramFiles 'Lakzegel\Agent\lakzegel-agent.exe'
$config = Join-Path $env:ProgramData 'Lakzegel\agent.toml'
$mdm = $null
$why = 'not-installed'
if (Test-Path -LiteralPath $agent) {
    $said = & $agent status --config $config --json 2>$null
    $why = 'no-answer'
    if ($LASTEXITCODE -eq 2) { $why = 'not-configured' }
    try { $mdm = ($said -join "`n" | ConvertFrom-Json).mdm } catch { $mdm = $null }
}
if ($null -eq $mdm) {
    $mdm = @{
        days_since_receipt = 99999
        enrolled = $false
        problems = ''
        running = $false
        state = $why
        version = '0'
    }
}
return $mdm | ConvertTo-Json -Compress
