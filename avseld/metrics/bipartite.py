"""Maximum bipartite matching."""

import numpy as np

UNMATCHED = -1


def maximum_matching(allowed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find a largest set of pairs in which every row and every column occurs at most once.

    The algorithm of J. Hopcroft and R. Karp (1973): shortest augmenting paths, layer by layer, from all
    unmatched columns. Which of several largest sets is found decides which events remain unmatched, so columns
    and rows are visited in the order of sed_eval 0.2.1: columns as they first appear row by row, rows
    ascending.

    Args:
        allowed: (row, column) bool.

    Returns:
        Rows ascending and the column of each, (pair,).
    """
    rows, columns = np.nonzero(allowed)
    partners: dict[int, list[int]] = {}
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        partners.setdefault(column, []).append(row)
    taken: dict[int, int] = {}
    for column, candidates in partners.items():
        free = next((row for row in candidates if row not in taken), None)
        if free is not None:
            taken[free] = column
    while _improve(partners, taken):
        pass
    order = sorted(taken)
    return np.array(order, int), np.array([taken[row] for row in order], int)


def _improve(partners: dict[int, list[int]], taken: dict[int, int]) -> bool:
    """Augment the matching along shortest paths (one phase); return False if there are none."""
    matched = set(taken.values())
    entered = {column: UNMATCHED for column in partners if column not in matched}  # through which row
    layer = list(entered)
    reached_from: dict[int, list[int]] = {}
    ends: list[int] = []
    while layer and not ends:
        reached: dict[int, list[int]] = {}
        for column in layer:
            for row in partners[column]:
                if row not in reached_from:
                    reached.setdefault(row, []).append(column)
        reached_from |= reached
        ends = [row for row in reached if row not in taken]
        layer = [taken[row] for row in reached if row in taken]
        entered |= {taken[row]: row for row in reached if row in taken}

    def claim(row: int) -> bool:
        for column in reached_from.pop(row, []):
            if column in entered:
                before = entered.pop(column)
                if before == UNMATCHED or claim(before):
                    taken[row] = column
                    return True
        return False

    for row in ends:
        claim(row)
    return bool(ends)
