"""The assignment problem, for small tables and without scipy, which exported networks run without."""

import numpy as np


def assign_rows(cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Assign rows to columns at the lowest total cost.

    By shortest augmenting paths (D. F. Crouse, On implementing 2D rectangular assignment algorithms, IEEE Transactions
    on Aerospace and Electronic Systems 52, 2016), in the order of scipy's `linear_sum_assignment`, so that ties fall
    alike.

    Args:
        cost: (row, column), finite.

    Returns:
        Rows ascending and the column of each, min(rows, columns) pairs.
    """
    if cost.shape[0] > cost.shape[1]:
        columns, rows = assign_rows(cost.T)
        order = np.argsort(rows)
        return rows[order], columns[order]
    n_rows, n_columns = cost.shape
    of_row, of_column = np.zeros(n_rows), np.zeros(n_columns)  # dual variables
    row_at, column_at = np.full(n_columns, -1), np.full(n_rows, -1)
    for row in range(n_rows):
        _augment(cost, row, of_row, of_column, row_at, column_at)
    return np.arange(n_rows), column_at


def _augment(
    cost: np.ndarray,
    start: int,
    of_row: np.ndarray,
    of_column: np.ndarray,
    row_at: np.ndarray,
    column_at: np.ndarray,
) -> None:
    """Assign one more row: find the shortest path from it to a free column, and exchange the pairs along it."""
    n_columns = cost.shape[1]
    shortest, before = np.full(n_columns, np.inf), np.full(n_columns, -1)
    left = np.arange(n_columns)[::-1].copy()  # columns that are not in the tree, in scipy's order
    rows, columns = [start], []
    row, lowest = start, 0.0
    while True:
        reached = lowest + cost[row, left] - of_row[row] - of_column[left]
        nearer = reached < shortest[left]
        shortest[left[nearer]], before[left[nearer]] = reached[nearer], row
        lowest = shortest[left].min()
        nearest = np.flatnonzero(shortest[left] == lowest)
        free = nearest[row_at[left[nearest]] < 0]
        place = int(free[-1] if len(free) else nearest[0])  # scipy takes the last free column, else the first
        column = int(left[place])
        columns.append(column)
        left[place] = left[-1]
        left = left[:-1]
        if row_at[column] < 0:
            break
        row = int(row_at[column])
        rows.append(row)
    of_row[start] += lowest
    others = np.array(rows[1:], int)
    of_row[others] += lowest - shortest[column_at[others]]
    of_column[columns] -= lowest - shortest[columns]
    while True:
        row = int(before[column])
        row_at[column] = row
        column, column_at[row] = int(column_at[row]), column
        if row == start:
            return
