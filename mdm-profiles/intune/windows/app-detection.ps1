# SPDX-License-Identifier: EUPL-1.2
# Intune, Win32 app, detection script: prints a line and exits 0 where the agent is installed in this
# version or a newer one; prints nothing where it is not. Raise $wanted with each package.
# Run it in 64-bit PowerShell. Not run on a real device.
$wanted = [version]'0.1.0'
$places = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\*'
$rows = Get-ItemProperty -Path $places -ErrorAction SilentlyContinue
foreach ($row in $rows) {
    if ($row.DisplayName -notlike 'Lakzegel Agent*') { continue }
    $found = $row.DisplayVersion -as [version]
    if ($null -ne $found -and $found -ge $wanted) {
        Write-Output "lakzegel-agent $found"
        exit 0
    }
}
exit 1
