# SPDX-License-Identifier: EUPL-1.2
"""Causes of what devices state: sources, disks, read-outs, guards (docs/spec/health.md §1)."""

from __future__ import annotations

from typing import Final

from lakzegel_server.fleet.cause import Cause, Owner, Severity
from lakzegel_server.words import text

CAPTURING: Final = (
    Cause(
        "reader-unknown",
        Severity.WARNING,
        Owner.IT,
        text("Kind of source unknown"),
        text("The policy names a kind of source that this agent does not know."),
        text("Update the agent on this device."),
    ),
    Cause(
        "source-missing",
        Severity.CRITICAL,
        Owner.IT,
        text("Source missing"),
        text("A folder that is to be captured is not there, or the agent may not read it."),
        text("Check on the device that the folder exists and that the agent has access to it."),
    ),
    Cause(
        "files-failed",
        Severity.WARNING,
        Owner.IT,
        text("Files not captured"),
        text("Some files could not be read; they are tried again at every pass."),
        text(
            "If it stays for a day, have the device's user run explain and close or release"
            " the files."
        ),
    ),
    Cause(
        "spool-full",
        Severity.CRITICAL,
        Owner.IT,
        text("Spool full"),
        text("The device has no room left for what it captures, so it captures nothing."),
        text("Let the device reach the receiver; else have the policy raise limits.spool."),
    ),
    Cause(
        "given-up",
        Severity.CRITICAL,
        Owner.RECORDS,
        text("Batches set aside"),
        text("Batches without a receipt were set aside when a new epoch began."),
        text("Decide with IT what is to become of the folder; until then it stays on the device."),
    ),
    Cause(
        "disk-failed",
        Severity.CRITICAL,
        Owner.IT,
        text("Disk fails"),
        text("The device's disk does not take what the agent writes, so it captures nothing."),
        text("Check the disk of this device, and replace it where it fails."),
    ),
    Cause(
        "disk-error",
        Severity.WARNING,
        Owner.IT,
        text("Disk cannot be read"),
        text("What was sealed cannot be read from the device's disk to be sent."),
        text("Check the disk of this device."),
    ),
    Cause(
        "no-room",
        Severity.CRITICAL,
        Owner.IT,
        text("Disk full"),
        text("The device's disk is full, so the agent captures nothing."),
        text("Make room on this device's disk."),
    ),
    Cause(
        "polling",
        Severity.NOTICE,
        Owner.IT,
        text("Found by looking"),
        text(
            "Changes of some folders are found by looking now and then, since the system"
            " gives no hints of them."
        ),
        text("Nothing for a network share; else raise fs.inotify.max_user_watches."),
    ),
    Cause(
        "events-dropped",
        Severity.NOTICE,
        Owner.IT,
        text("Hints dropped"),
        text("The system dropped hints of changes; everything is looked at again."),
        text("Nothing; if it stays, raise fs.inotify.max_queued_events."),
    ),
    Cause(
        "ledger-unbalanced",
        Severity.CRITICAL,
        Owner.RECORDS,
        text("Counts do not agree"),
        text("The agent's counts and its rows contradict each other."),
        text("Keep the device as it is and have the agent's diagnostics sent to who maintains it."),
    ),
    Cause(
        "source-uncovered",
        Severity.CRITICAL,
        Owner.IT,
        text("Source not covered"),
        text("A source or an app has been without capture for longer than was agreed."),
        text("See readiness in the agent's status for why, and mend that."),
    ),
    Cause(
        "clock-skew",
        Severity.WARNING,
        Owner.IT,
        text("Clock off"),
        text("The device found that its clock differs from the log's by more than five minutes."),
        text("Set this device's clock, and have it synchronise by itself."),
    ),
    Cause(
        "readout-overdue",
        Severity.WARNING,
        Owner.USER,
        text("Read-out overdue"),
        text("A phone was not read out in the window that was agreed."),
        text(
            "Agree with the person or the secretariat when the phone is connected, and have"
            " it read out."
        ),
    ),
    Cause(
        "readout-failed",
        Severity.WARNING,
        Owner.IT,
        text("Read-out failed"),
        text("A phone's read-out was begun and failed."),
        text("Check the cable, the phone's screen lock and the program in readout.toml."),
    ),
    Cause(
        "unknown-phone",
        Severity.WARNING,
        Owner.RECORDS,
        text("Unknown phone"),
        text(
            "A backup lies there of a phone that the policy does not know; nothing of it was read."
        ),
        text("Bind the phone to a custody in the policy's annex, or have its backup removed."),
    ),
    Cause(
        "guard-drifted",
        Severity.CRITICAL,
        Owner.IT,
        text("Setting drifted"),
        text("A setting on the device deletes or leaks messages by itself."),
        text(
            "See with lakzegel-agent guards which guard it is, and set it right or let the"
            " policy enforce it."
        ),
    ),
    Cause(
        "guard-unknown",
        Severity.WARNING,
        Owner.IT,
        text("Setting not readable"),
        text("A setting cannot be read, so nobody knows whether something is deleted or leaks."),
        text("See the reason with lakzegel-agent guards on the device, and take it away."),
    ),
    Cause(
        "guard-contested",
        Severity.CRITICAL,
        Owner.IT,
        text("Setting contested"),
        text("Something else keeps changing a setting that the agent set right."),
        text("Find out what changes it: MDM, another tool or the user; and have that stop."),
    ),
    Cause(
        "guard-unsupported",
        Severity.WARNING,
        Owner.IT,
        text("Guard unknown"),
        text("The policy names a guard that this agent does not have."),
        text("Update the agent on this device."),
    ),
    Cause(
        "over-limits",
        Severity.WARNING,
        Owner.VENDOR,
        text("Agent over its limits"),
        text("The agent used more memory or processor than it allows itself, and paused."),
        text("If it stays, send the agent's diagnostics to who maintains it."),
    ),
    Cause(
        "update-rolled-back",
        Severity.WARNING,
        Owner.VENDOR,
        text("Update undone"),
        text("A newer version of the agent did not work on this device; the one before it runs."),
        text("Hold this version back, and send the agent's diagnostics to who maintains it."),
    ),
)
