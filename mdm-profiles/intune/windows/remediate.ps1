# SPDX-License-Identifier: EUPL-1.2
# Intune, remediations, remediation script: starts the service where it stands still, and nothing else.
# Exit 0 it runs, 1 it does not: what else is wrong, the detection script says and a person mends.
# Run it as SYSTEM in 64-bit PowerShell. Not run on a real device.
$service = Get-Service -Name 'LakzegelAgent' -ErrorAction SilentlyContinue
if ($null -eq $service) {
    Write-Output 'not-installed'
    exit 1
}
if ($service.Status -ne 'Running') {
    Start-Service -Name 'LakzegelAgent' -ErrorAction SilentlyContinue
    $service = Get-Service -Name 'LakzegelAgent'
}
Write-Output ("service {0}" -f $service.Status)
if ($service.Status -eq 'Running') { exit 0 }
exit 1
