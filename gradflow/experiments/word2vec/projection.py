"""Words in the plane: the picture that the lecture prepares and does not show."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from gradflow.experiments.word2vec.errors import Word2VecError
from gradflow.experiments.word2vec.storing import ending, written

Method = Literal["pca", "tsne"]


def project(embedding: Tensor, method: Method = "pca", seed: int = 0) -> Tensor:
    """Two numbers for each word.

    Args:
        embedding: ``f32[word, dim]``.
        method: ``pca``: the two directions in which the words' directions differ most. ``tsne``: near words near each
            other, distances otherwise without meaning; needs scikit-learn.
        seed: of t-SNE.

    Returns:
        ``f32[word, 2]``

    Raises:
        Word2VecError: t-SNE without scikit-learn, or fewer than three words.
    """
    if len(embedding) < 3:
        raise Word2VecError(f"{len(embedding)} words cannot be spread in the plane; give 3 at least")
    directions = torch.nn.functional.normalize(embedding, dim=1)
    if method == "tsne":
        try:
            from sklearn.manifold import TSNE
        except ImportError:
            raise Word2VecError("t-SNE needs scikit-learn: pip install scikit-learn; or take pca") from None
        placed = TSNE(metric="cosine", init="random", random_state=seed).fit_transform(directions.numpy())
        return torch.as_tensor(placed)
    centered = directions - directions.mean(0)
    _, _, axes = torch.linalg.svd(centered, full_matrices=False)
    axes = axes[:2] * axes[:2].gather(1, axes[:2].abs().argmax(1, keepdim=True)).sign()  # one of two signs, always
    return torch.mm(centered, axes.T)


def plot(places: Tensor, words: Sequence[str], groups: Sequence[int] | None = None, labels: int = 40) -> Any:
    """A matplotlib figure of words in the plane.

    Args:
        places: ``f32[word, 2]``.
        words: as many.
        groups: a number for each word; words of one number share a mark and a colour.
        labels: how many words are written beside their point: the first ones, where there is room.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 7), layout="constrained")
    axis = figure.subplots()
    of = [0] * len(words) if groups is None else list(groups)
    for place, group in enumerate(dict.fromkeys(of)):
        here = places[[i for i, one in enumerate(of) if one == group]]
        axis.scatter(here[:, 0], here[:, 1], s=14, marker="os^Dv<>P*X"[place % 10], alpha=0.8)
    taken: list[tuple[float, float]] = []
    wide, high = (places.max(0).values - places.min(0).values).tolist()
    for (x, y), word in zip(places[:labels].tolist(), words, strict=False):
        if all(abs(x - a) > wide / 8 or abs(y - b) > high / 40 for a, b in taken):
            axis.annotate(word, (x, y), xytext=(4, 3), textcoords="offset points", fontsize=8)
            taken.append((x, y))
    axis.set_axis_off()
    return figure


def save(places: Tensor, words: Sequence[str], path: Path) -> None:
    """Write a picture, ``.png`` or ``.html``; the page names the word under the pointer.

    Raises:
        Word2VecError: another ending, or it cannot be written.
    """
    if ending(path, ".png", ".html") == ".html":
        with written(path) as file:
            file.write(_page(places, words).encode())
    else:
        figure = plot(places, words)
        with written(path) as file:
            figure.savefig(file, format="png", dpi=150)


def _page(places: Tensor, words: Sequence[str]) -> str:
    """A page of its own, without a script."""
    low, high = places.min(0).values, places.max(0).values
    scaled = ((places - low) / (high - low).clamp(min=1e-12) * 960 + 20).tolist()
    dots = "\n".join(
        f'<g><circle cx="{x:.1f}" cy="{1000 - y:.1f}" r="4"/><title>{html.escape(word)}</title>'
        f'<text x="{x + 6:.1f}" y="{1000 - y:.1f}">{html.escape(word)}</text></g>'
        for (x, y), word in zip(scaled, words, strict=True)
    )
    return _FRAME.format(count=len(words), dots=dots)


_FRAME = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{count} words in the plane</title>
<style>
  :root {{ color-scheme: light dark; font-family: sans-serif }}
  body {{ margin: 0 }} svg {{ width: 100vmin; height: 100vmin; display: block; margin: auto }}
  circle {{ fill: #0072b2; opacity: .7 }} text {{ font-size: 9px; fill: currentColor; opacity: .7 }}
  g:hover text {{ font-size: 18px; opacity: 1 }}
</style>
<svg viewBox="0 0 1060 1000" role="img" aria-label="{count} words in the plane; near words are used alike">
{dots}
</svg></html>
"""
