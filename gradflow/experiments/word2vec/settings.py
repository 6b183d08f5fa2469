"""The hyper-parameters of a training run, as one frozen value."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args, get_type_hints

from gradflow.experiments.word2vec.errors import Word2VecError

Model = Literal["skip-gram", "cbow"]
Objective = Literal["nce", "sampled-softmax", "negative-sampling", "softmax"]
Update = Literal["dense", "sparse", "scatter"]
Backend = Literal["torch", "numba"]
Initial = Literal["unit", "small"]


@dataclass(frozen=True)
class Settings:
    """What decides the result of a run, bit for bit, together with its corpus.

    The defaults are those of the CS20 lecture's word2vec. From another start, in `PRESETS`, topics separate sooner.

    Attributes:
        vocabulary: rows of the tables: the most common words, and row 0 for every other word.
        embedding: numbers per word.
        batch: pairs a step (skip-gram), or words to be guessed a step (CBOW).
        window: words looked at on each side. Skip-gram draws a width between 1 and this for each word.
        negatives: sampled words a step, shared by the whole batch.
        learning_rate: of plain gradient descent on the mean loss of the batch.
        steps: how many.
        model: which words are given and which are guessed.
        objective: the loss.
        update: how the gradient is found and applied; three ways to one result.
        backend: ``numba`` is a faster ``scatter`` for skip-gram, and needs the extra ``fast``.
        initial: the embedding begins uniform, ``unit`` from 0 to 1 as in the source, ``small`` on ±``0.5 / embedding``
            as word2vec's authors have it.
        seed: of the tables, the negatives and the widths.
    """

    vocabulary: int = 50_000
    embedding: int = 128
    batch: int = 128
    window: int = 1
    negatives: int = 64
    learning_rate: float = 1.0
    steps: int = 100_000
    model: Model = "skip-gram"
    objective: Objective = "nce"
    update: Update = "scatter"
    backend: Backend = "torch"
    initial: Initial = "unit"
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be trained.

        Raises:
            Word2VecError: a number out of its range, a name that is not known, or two that do not go together.
        """
        for name in ("vocabulary", "embedding", "batch", "window", "negatives", "steps"):
            if (given := getattr(self, name)) < 1:
                raise Word2VecError(f"{name} is {given}, and must be at least 1")
        if not 0 < self.learning_rate < float("inf"):
            raise Word2VecError(f"learning rate is {self.learning_rate}, and must be a positive number")
        if not 0 <= self.seed < 2**63:
            raise Word2VecError(f"seed is {self.seed}, and must be from 0 to 2**63 - 1")
        for name, hint in get_type_hints(Settings).items():
            if (known := get_args(hint)) and (given := getattr(self, name)) not in known:
                raise Word2VecError(f"{name} {given!r} is not known; there are {', '.join(known)}")
        if self.objective != "softmax" and self.negatives >= self.vocabulary:
            raise Word2VecError(
                f"{self.negatives} different negatives cannot be drawn from a vocabulary of {self.vocabulary} words; "
                "give fewer negatives or a larger vocabulary"
            )

    def changed(self, **changes: Any) -> Settings:
        """The same settings with some of them changed."""
        return replace(self, **changes)

    def as_dict(self) -> dict[str, Any]:
        """The settings by name."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Settings:
        """Settings that were stored by name.

        Raises:
            Word2VecError: a name is missing or not known.
        """
        known = {field.name for field in fields(cls)}
        if odd := known ^ set(stored):
            raise Word2VecError(f"these settings are missing or not known: {', '.join(sorted(odd))}")
        return cls(**stored)


PRESETS: dict[str, dict[str, Any]] = {
    "source": {},
    # A small start separates topics within the same steps. (So would a rate of 3, which real text does not bear.)
    "good": {"initial": "small"},
}
