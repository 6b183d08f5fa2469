"""What TensorBoard shows of a run: its loss, its speed, and at the end its vectors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

from gradflow.experiments.word2vec.checkpoint import Checkpoint
from gradflow.experiments.word2vec.errors import Word2VecError
from gradflow.experiments.word2vec.storing import written
from gradflow.experiments.word2vec.training import REPORT, words_a_step
from gradflow.experiments.word2vec.vectors import digits

try:
    from torch.utils.tensorboard import SummaryWriter
except ImportError:
    raise Word2VecError(
        "--tensorboard needs TensorBoard: pip install 'gradflow-book[tensorboard]'; or leave it out"
    ) from None

PROJECTOR = """embeddings {
  tensor_name: "words"
  tensor_path: "vectors.tsv"
  metadata_path: "words.tsv"
}
"""


class Board:
    """Writes for TensorBoard; looks at a run, and changes nothing of it.

    A run that is resumed goes on with its curves: points behind the checkpoint that it starts from are taken back.

    Args:
        folder: where to.
        start: what the run starts from.

    Raises:
        Word2VecError: it cannot be written there.
    """

    def __init__(self, folder: Path, start: Checkpoint) -> None:
        self._folder = folder
        self._words_a_step = words_a_step(start.settings)
        self._step, self._time = start.step, perf_counter()
        with self._told():
            self._writer = SummaryWriter(str(folder), purge_step=start.step + 1)

    def report(self, step: int, loss: float) -> None:
        """Add a point to each curve.

        Args:
            step: how many steps were done.
            loss: their mean loss since the last multiple of `training.REPORT`.
        """
        words, now = (step - self._step) * self._words_a_step, perf_counter()
        with self._told():
            self._writer.add_scalar("loss", loss, step)
            self._writer.add_scalar("words per second", words / (now - self._time), step)
            self._writer.flush()
        self._step, self._time = step, now

    def end(self, run: Checkpoint) -> None:
        """Add the point of a last stretch that is not full, and write the vectors for TensorBoard's projector."""
        if run.step > self._step:
            self.report(run.step, run.pending / (run.step % REPORT))
        vectors = run.tables.embedding.numpy()
        with written(self._folder / "vectors.tsv") as file:
            file.writelines(digits(vector, between="\t").encode() + b"\n" for vector in vectors)
        with written(self._folder / "words.tsv") as file:
            file.write("".join(f"{word}\n" for word in run.words).encode())
        with written(self._folder / "projector_config.pbtxt") as file:
            file.write(PROJECTOR.encode())
        with self._told():
            self._writer.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Word2VecError(f"{self._folder} cannot be written: {error.strerror or error}") from None
