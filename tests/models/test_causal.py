"""Attention that only reaches back, and what is remembered from stretch to stretch."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avseld.models.causal import attend_back, mean_back, with_past

HEADS, WIDTH, SIZE = 2, 4, 3


def literal_attention(query, key, value, n_past):
    """Attend step by step, by loops over plain tensors (head, step, ...)."""
    answer = torch.zeros(HEADS, query.shape[1], SIZE)
    for head in range(HEADS):
        for step in range(query.shape[1]):
            first = max(step - n_past, 0)
            score = torch.stack([query[head, step] @ key[head, at] / 2 for at in range(first, step + 1)])
            for share, at in zip(score.softmax(0), range(first, step + 1), strict=True):
                answer[head, step] += share * value[head, at]
    return answer


def attended(query, key, value, n_past, cuts):
    """Attend in stretches that end at cuts, remembering `n_past` steps."""
    parts, past = [], (None, None, None)
    for begin, end in zip([0, *cuts], [*cuts, query.shape[1]], strict=True):
        known = torch.ones(1, end - begin)
        steps = [(key[None, :, begin:end], 2), (value[None, :, begin:end], 2), (known, 1)]
        joined = [with_past(x, kept, n_past, dim) for (x, dim), kept in zip(steps, past, strict=True)]
        parts.append(attend_back(query[None, :, begin:end], *(one for one, _ in joined)))
        past = tuple(kept for _, kept in joined)
    return torch.cat(parts, dim=2)[0]


@settings(max_examples=25, deadline=None)
@given(
    n_past=st.integers(0, 6),
    n_steps=st.integers(1, 12),
    cuts=st.sets(st.integers(1, 11), max_size=4),
    seed=st.integers(0, 100),
)
def test_attention_reaches_back_as_far_as_it_remembers_wherever_a_stream_is_cut(n_past, n_steps, cuts, seed):
    torch.manual_seed(seed)
    query, key, value = (torch.randn(HEADS, n_steps, size) for size in (WIDTH, WIDTH, SIZE))
    cuts = sorted(cut for cut in cuts if cut < n_steps)
    torch.testing.assert_close(
        attended(query, key, value, n_past, cuts), literal_attention(query, key, value, n_past)
    )


def test_what_is_no_number_in_a_later_step_or_before_those_remembered_enters_nothing():
    query, key, value = (torch.randn(1, HEADS, 9, size) for size in (WIDTH, WIDTH, SIZE))
    key[:, :, 4] = value[:, :, 4] = torch.nan
    joined = [with_past(x, None, 2, 2)[0] for x in (key, value)]
    answer = attend_back(query, *joined, with_past(torch.ones(1, 9), None, 2, 1)[0])
    assert answer.isnan().any(dim=(0, 1, 3)).tolist() == [False] * 4 + [True] * 3 + [False] * 2


def test_a_running_mean_is_that_of_the_steps_that_are_remembered():
    x = torch.arange(1.0, 7.0)[None, :, None]
    joined, known = with_past(x, None, 2, 1)[0], with_past(torch.ones(1, 6), None, 2, 1)[0]
    assert mean_back(joined, known, 2)[0, :, 0].tolist() == [1, 1.5, 2, 3, 4, 5]


def test_what_is_remembered_are_the_last_steps_and_zeros_before_a_stream():
    joined, kept = with_past(torch.tensor([[5.0]]), None, 3, 1)
    assert joined.tolist() == [[0, 0, 0, 5]] and kept.tolist() == [[0, 0, 5]]
    assert with_past(torch.tensor([[6.0, 7.0]]), kept, 3, 1)[1].tolist() == [[5, 6, 7]]
