"""word2vec's single step: the numbers TensorFlow gives, found in three ways."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from gradflow.experiments.word2vec.sampling import log_uniform
from gradflow.experiments.word2vec.tables import Tables, as_tables
from gradflow.experiments.word2vec.updates import STEPS, Batch, losses

DATA = json.loads((Path(__file__).parent / "data" / "word2vec_tensorflow.json").read_text(encoding="utf-8"))
ONE = DATA["one_step"]
GIVEN = ONE["inputs"]
CBOW = DATA["cbow"]


def tables() -> Tables:
    return as_tables(GIVEN["embed"], GIVEN["weights"], GIVEN["biases"])


def batch() -> Batch:
    return Batch(
        torch.tensor(GIVEN["centers"])[:, None],
        torch.tensor(GIVEN["labels"]),
        torch.tensor(GIVEN["sampled_ids"]),
        torch.tensor(GIVEN["true_expected_count"]).log(),
        torch.tensor(GIVEN["sampled_expected_count"]).log(),
    )


def moved(before: Tables, after: Tables) -> list[torch.Tensor]:
    """What a step with learning rate 1 took away: the gradient."""
    return [was - now for was, now in zip(before, after, strict=True)]


@pytest.mark.parametrize("update", STEPS)
@pytest.mark.parametrize("objective", ["nce", "sampled-softmax"])
def test_a_step_is_tensorflows(objective, update):
    """Loss, and every row of the three gradients, are those TensorFlow printed for the same weights and samples."""
    recorded = ONE[objective]
    now = tables()

    loss = STEPS[update](now, batch(), objective, 1.0)

    assert recorded["loss_mean"] == pytest.approx(loss.item(), abs=1e-5)
    for name, gradient in zip(("embed", "weights", "biases"), moved(tables(), now), strict=True):
        np.testing.assert_allclose(recorded["gradient"][name], gradient, atol=1e-5)


@pytest.mark.parametrize("objective", ["nce", "sampled-softmax"])
def test_the_loss_of_each_example_is_tensorflows(objective):
    """Each example's own loss, not only their mean."""
    found = losses(tables(), batch(), objective)

    np.testing.assert_allclose(ONE[objective]["loss_per_example"], found, atol=1e-5)


def cbow_batch(step: int, run: str) -> Batch:
    replay = CBOW["replay"]
    sampler = log_uniform(len(replay["embed_initial"]))
    ids, tries = (np.array(replay["negatives"][run][name][step]) for name in ("ids", "num_tries"))
    target = np.array(replay["targets"][step])

    def log_expected(words):
        return torch.from_numpy(np.log(sampler.expected(words[None], tries[None], len(ids))[0])).float()

    return Batch(
        torch.tensor(replay["contexts"][step]),
        torch.from_numpy(target),
        torch.from_numpy(ids),
        log_expected(target),
        log_expected(ids),
    )


@pytest.mark.parametrize("update", STEPS)
@pytest.mark.parametrize("run", ["no_inspection", "inspected"])
def test_fifty_steps_of_cbow_are_tensorflows(run, update):
    """With TensorFlow's negatives, the loss of every step is TensorFlow's; one number of the first step too."""
    replay = CBOW["replay"]
    now = as_tables(replay["embed_initial"], replay["weights_initial"], np.zeros(len(replay["embed_initial"])))
    recorded = CBOW["curves"][run]

    found = [STEPS[update](now, cbow_batch(step, run), "nce", 1.0).item() for step in range(len(recorded))]

    np.testing.assert_allclose(recorded, found, atol=1e-5)


@pytest.mark.parametrize("update", STEPS)
def test_the_first_gradient_of_cbow_is_tensorflows(update):
    """Every row of the embedding's gradient in the first step; rows outside the batch do not move by a bit."""
    replay, recorded = CBOW["replay"], CBOW["step_1"]["embed_gradient_rows"]
    start = as_tables(replay["embed_initial"], replay["weights_initial"], np.zeros(len(replay["embed_initial"])))
    now = start.clone()

    STEPS[update](now, cbow_batch(0, "no_inspection"), "nce", 1.0)

    gradient = moved(start, now)[0]
    np.testing.assert_allclose(recorded["values"], gradient[recorded["rows"]], atol=1e-5)
    others = sorted(set(range(len(gradient))) - set(recorded["rows"]))
    assert not gradient[others].any()


@pytest.mark.parametrize("context", [1, 4])
@pytest.mark.parametrize("objective", ["nce", "sampled-softmax", "negative-sampling", "softmax"])
def test_three_ways_one_result(objective, context):
    """Twenty steps with repeated words: the three ways agree to the rounding of float32."""
    words, results = 50, {}
    for name, step in STEPS.items():
        generator = torch.Generator().manual_seed(3)
        now = as_tables(*(torch.randn(shape, generator=generator) for shape in ((words, 8), (words, 8), (words,))))
        for _ in range(20):
            ids = torch.randint(words, (16, context + 1), generator=generator)
            sampled = torch.randint(words, (6,), generator=generator)
            logs = torch.rand(22, generator=generator)
            given = Batch(ids[:, :-1], ids[:, -1], sampled, logs[:16], logs[16:])
            loss = step(now, given, objective, 0.3)
        results[name] = now, loss
    for other in ("sparse", "scatter"):
        for one, two in zip(results["dense"][0], results[other][0], strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-5, atol=5e-6)
        assert results["dense"][1].item() == pytest.approx(results[other][1].item(), rel=1e-6)
