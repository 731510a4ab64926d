"""Names in an order in which each comes after all that it needs, and the circles in the way.

Knows nothing of what the names stand for.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def ordered(
    names: Iterable[str], needs: Callable[[str], Iterable[str]]
) -> tuple[list[str], list[list[str]]]:
    """The names and all that they need, in order, and circles like `[a, b, a]`: a needs b.

    There is a circle for each knot, not each of all that it has.
    """
    order: list[str] = []
    circles: list[list[str]] = []
    knotted: set[str] = set()
    is_open: dict[str, bool] = {}
    for root in names:
        if root in is_open:
            continue
        is_open[root] = True
        path = [(root, iter(needs(root)))]
        while path:
            name, rest = path[-1]
            for needed in rest:
                if needed not in is_open:
                    is_open[needed] = True
                    path.append((needed, iter(needs(needed))))
                    break
                if is_open[needed] and needed not in knotted:
                    trail = [each for each, _ in path]
                    circle = trail[trail.index(needed) :]
                    knotted.update(circle)
                    circles.append([*circle, needed])
            else:
                path.pop()
                is_open[name] = False
                order.append(name)
    return order, circles
