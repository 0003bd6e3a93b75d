# SPDX-License-Identifier: EUPL-1.2
"""Jobs and their results as they travel between agent and sealing process.

    FileUnit(0, path, name, Stat(…), None, …)   ->   (0, path, name, (…), None, …)
    Done(mark, secret, size, grew)              ->   (mark, secret, size, grew)

There is one of each for every file, and a named tuple takes a pickle fifteen times as long as the
plain one that it is. Everything else travels as it is.
"""

from lakzegel_agent.sealing.jobs import Done, FileUnit, Job, JobResult, Stat, Unit

_new = tuple.__new__


def packed(message: object) -> object:
    """Return a message with plain tuples in place of what it has many of."""
    if isinstance(message, Job):
        units = [
            (*unit[:3], tuple(unit.stat), *unit[4:]) if isinstance(unit, FileUnit) else unit
            for unit in message.units
        ]
        return message._replace(units=tuple(units))  # type: ignore[arg-type]
    if isinstance(message, JobResult):
        results = [tuple(one) if isinstance(one, Done) else one for one in message.results]
        return message._replace(results=tuple(results))  # type: ignore[arg-type]
    return message


def unpacked(message: object) -> object:
    """Return the message that was packed."""
    if isinstance(message, Job):
        return message._replace(units=tuple([_unit(unit) for unit in message.units]))
    if isinstance(message, JobResult):
        results = [_new(Done, one) if type(one) is tuple else one for one in message.results]
        return message._replace(results=tuple(results))
    return message


def _unit(unit: Unit) -> Unit:
    if type(unit) is not tuple:
        return unit
    source, path, name, told, secret, again, patient, lenient = unit
    return _new(FileUnit, (source, path, name, _new(Stat, told), secret, again, patient, lenient))
