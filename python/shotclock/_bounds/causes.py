"""What stands behind an exception."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def causes(error: BaseException) -> Iterator[BaseException]:
    """Give the exception itself, and those in its causes, its context, its reason, its arguments, and its group.

    Raises TypeError for what is no exception.
    """
    if not isinstance(error, BaseException):
        raise TypeError(f"{error!r}: expected an exception")
    seen: set[int] = set()
    to_see = [error]
    while to_see:
        known = to_see.pop()
        if id(known) in seen:
            continue
        seen.add(id(known))
        yield known
        linked = [known.__cause__, known.__context__, getattr(known, "reason", None), *known.args]
        linked.extend(getattr(known, "exceptions", ()))
        to_see.extend(link for link in linked if isinstance(link, BaseException))
