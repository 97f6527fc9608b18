"""Ours against the interpreter's own module: the same calls on both, outcomes compared."""

from calls import Calls
from surface import EXTENSIONS, Mount


def compare(report, calls, options):
    """Tells each kind of difference once, with the number of one call that shows it; 1 if there are any."""
    stock = Calls(Mount("stock", options.mount), options.seed, options.names, is_tame=True)
    differences = {}
    known = 0
    for number in range(options.first, options.first + options.calls):
        report.begins(number)
        pair = _first_difference(calls.run(number)[0], stock.run(number)[0])
        if pair is not None and _is_known(*pair):
            known += 1
        elif pair is not None:
            ours, theirs = pair
            differences.setdefault((ours.name, ours.text[:100], theirs.text[:100]), number)
    for (name, ours, theirs), number in sorted(differences.items()):
        report.say(f"differs: {name}: ours {ours!r}, stock {theirs!r}, --first {number} --calls 1")
    report.say(f"{options.mount}: {options.calls} cases, {len(differences)} kinds of difference; known: {known} cases")
    return 1 if differences else 0


def _first_difference(ours, theirs):
    """What follows a difference on the same socket differs because of it."""
    for pair in zip(ours, theirs, strict=False):
        if not all(outcome.is_repeatable for outcome in pair):
            return None
        if pair[0].text != pair[1].text:
            return pair
    return None


def _is_known(ours, theirs):
    """Differences on purpose."""
    if ours.name in EXTENSIONS:
        return True
    # Ours tries before it waits: what cannot succeed fails at once, and what is ready is not late.
    if theirs.error is TimeoutError:
        return True
    # Of a bound method that was kept, stock's text lacks the class: only the way the interpreter calls the two differs.
    if ours.text.endswith("() takes no keyword arguments") and theirs.text.endswith("() takes no keyword arguments"):
        return True
    # A lookup ends with the socket's timeout, which is next to nothing here.
    if ours.error is TimeoutError and theirs.text.startswith("gaierror"):
        return True
    # Stock passes on the number that whatever lookup came before has left behind.
    if ours.name == "gethostbyname_ex" and ours.text.startswith("herror") and theirs.text.startswith("herror"):
        return True
    # A closed socket is not shown to the system, which looks at the flags first.
    if ours.text.startswith("OSError: [Errno 9]") and theirs.text.startswith("OSError: [Errno 22]"):
        return True
    # With MSG_TRUNC stock shows what the memory held before; ours shows zeroes.
    if ours.name == "recv" and ours.error is None and theirs.error is None and r"\x00" in ours.text:
        return True
    # A number that was closed behind our back is the next file's, which here may be a bell of the core.
    if ours.text.startswith("OSError: [Errno 88]") and theirs.text.startswith("OSError: [Errno 9]"):
        return True
    # From one timeout to another there is no call of the system, which would find the number closed behind our back.
    return ours.name == "settimeout" and theirs.text.startswith("OSError: [Errno 9]")
