"""Programs as people write them: GANs, distillation, adapters, reinforcement learning, whole training steps."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils.checkpoint import checkpoint
from truth import case, given, layers

from gradflow import Reason

RECEIVED, ZERO, FROZEN, DETACHED, NO_GRAD = Reason.RECEIVED, Reason.ZERO, Reason.FROZEN, Reason.DETACHED, Reason.NO_GRAD
NOT_DIFFERENTIABLE, LEFT_PYTORCH = Reason.NOT_DIFFERENTIABLE, Reason.LEFT_PYTORCH


# -- whole training steps in one trace ---------------------------------------------------------------------


@case({"a.weight": RECEIVED, "b.weight": RECEIVED}, fill=False)
def test_second_step_in_one_trace():
    """After an optimizer's step in the block, a parameter is written, and still the same leaf."""
    net, x = layers("a b"), torch.randn(5, 4)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    yield given(net)
    for _ in range(2):
        optimizer.zero_grad()
        loss = net(x).pow(2).sum()
        loss.backward()
        optimizer.step()
    optimizer.zero_grad()
    yield net(x).pow(2).sum()


@case({"a.weight": RECEIVED, "b.weight": DETACHED}, fill=False)
def test_step_of_adam_then_a_cut():
    """A cut in the step after it is the only cut that is named."""
    net, x = layers("b a"), torch.randn(5, 4)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    yield given(net)
    net.a(net.b(x)).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    h = net.b(x).detach()  # cut: DETACHED detach
    yield net.a(h).sum()


@case({"a.weight": RECEIVED})
def test_weight_clipping_before_the_forward():
    """A parameter written with gradients off before its use is used all the same."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.clamp_(-0.1, 0.1)
    yield net(x).sum()


@case({"a.weight": RECEIVED})
def test_weight_written_through_data():
    """So it is when it is written through `.data`."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    net.a.weight.data.mul_(0.5)
    net.b.weight.data[0] = 0.0
    yield net(x).sum()


@case({"a.weight": RECEIVED}, fill=False)
def test_gradient_accumulation_and_clipping():
    """Two backwards that accumulate, clipped, before the loss that is asked about."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    for part in x.split(3):
        (net(part).pow(2).sum() / 2).backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    for parameter in net.parameters():
        parameter.grad = None
    yield net(x).sum()


@case({"a.weight": FROZEN, "b.weight": RECEIVED})
def test_frozen_after_the_forward():
    """A layer frozen between forward and backward gets nothing."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    loss = net(x).sum()
    net.a.requires_grad_(False)
    yield loss


@case({"b.weight": RECEIVED})
def test_thawed_after_the_forward():
    """A layer thawed after its forward was used without gradients, and gets none from it."""
    net, x = layers("a b"), torch.randn(5, 4)
    net.a.requires_grad_(False)
    yield given(net)
    loss = net(x).sum()
    net.a.requires_grad_(True)
    yield loss


@case({"a.weight": RECEIVED, "b.weight": RECEIVED})
def test_division_that_has_no_derivative_beside_the_loss():
    """An operator whose backward is missing in PyTorch disturbs nothing as long as no backward reaches it."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    buckets = h // 0.5
    assert buckets.requires_grad
    yield net.b(h).sum()


@case({"a.weight": RECEIVED})
def test_same_value_at_two_positions_of_one_call():
    """A value that is both input and weight of one call gets the sum of two shares."""
    net, x = layers("a"), torch.randn(4, 4)
    yield given(net)
    h = net.a(x)
    yield (F.linear(h, h) * x).sum()


# -- two networks ------------------------------------------------------------------------------------------


@case({"G.a.weight": RECEIVED, "D.a.weight": FROZEN})
def test_generator_step():
    """The generator's step, with the discriminator frozen: it passes the gradient on."""
    g, d, z = layers("a b"), layers("a b"), torch.randn(5, 4)
    d.requires_grad_(False)
    yield given(G=g, D=d, z=z)
    score = d(g(z))
    yield F.binary_cross_entropy_with_logits(score, torch.ones_like(score))


@case({"G.a.weight": NO_GRAD, "G.b.weight": NO_GRAD, "D.a.weight": RECEIVED})
def test_discriminator_step_without_gradients():
    """The discriminator's step, the generator under `no_grad`; each of its layers is a cut on the way."""
    g, d, z, x = layers("a b"), layers("a b"), torch.randn(5, 4), torch.randn(5, 4)
    yield given(G=g, D=d)
    with torch.no_grad():
        fake = g.a(z)  # cut[G.a.weight]: NO_GRAD no_grad
        fake = g.b(fake)  # cut: NO_GRAD no_grad
    yield F.softplus(-d(x)).mean() + F.softplus(d(fake)).mean()


@case({"student.a.weight": RECEIVED, "teacher.a.weight": NO_GRAD})
def test_distillation():
    """The teacher is under `no_grad` on purpose."""
    student, teacher, x = layers("a"), layers("a"), torch.randn(5, 4)
    yield given(student=student, teacher=teacher)
    with torch.no_grad():
        target = teacher.a(x).softmax(1)  # cut: NO_GRAD no_grad x2
    yield F.kl_div(student(x).log_softmax(1), target, reduction="batchmean")


@case({"online.a.weight": RECEIVED, "target.a.weight": FROZEN})
def test_target_network():
    """A target network, frozen, and moved after the online one with gradients off."""
    online, x = layers("a"), torch.randn(5, 4)
    target = copy.deepcopy(online).requires_grad_(False)
    yield given(online=online, target=target)
    with torch.no_grad():
        for old, new in zip(target.parameters(), online.parameters(), strict=True):
            old.lerp_(new, 0.1)
    yield F.mse_loss(online(x), target(x + 1))


@case({"encoder.weight": RECEIVED, "codebook.weight": RECEIVED, "decoder.weight": RECEIVED})
def test_vector_quantization():
    """A VQ-VAE: straight-through to the encoder, a loss of its own for the codebook."""
    net, x = layers("encoder decoder"), torch.randn(5, 4)
    net.codebook = nn.Embedding(7, 4)
    yield given(net)
    z = net.encoder(x)
    nearest = torch.cdist(z, net.codebook.weight).argmin(1)
    q = net.codebook(nearest)
    loss = F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(z, q.detach())
    yield loss + F.mse_loss(net.decoder(z + (q - z).detach()), x)


@case({"encoder.weight": RECEIVED, "codebook.weight": DETACHED})
def test_vector_quantization_without_a_codebook_loss():
    """Without that loss the codebook gets nothing: the straight-through estimate cuts it."""
    net, x, nearest = layers("encoder decoder"), torch.randn(5, 4), torch.tensor([0, 1, 2, 3, 0])
    net.codebook = nn.Embedding(7, 4)
    yield given(net)
    z = net.encoder(x)
    q = net.codebook(nearest)
    kept = F.mse_loss(z, q.detach())  # cut: DETACHED detach
    through = z + (q - z).detach()  # cut: DETACHED detach
    yield F.mse_loss(net.decoder(through), x) + 0.25 * kept


@case({"base.weight": FROZEN, "A.weight": ZERO, "B.weight": RECEIVED})
def test_low_rank_adapter_at_its_start():
    """LoRA at its first step: B is zero, so A gets an exact zero, and that is no fault."""
    net, x = nn.Module(), torch.randn(5, 8)
    net.base, net.A, net.B = nn.Linear(8, 8), nn.Linear(8, 2, bias=False), nn.Linear(2, 8, bias=False)
    net.base.requires_grad_(False)
    nn.init.zeros_(net.B.weight)
    yield given(net)
    h = net.A(x)
    h = net.B(h)  # cut: ZERO linear
    yield (net.base(x) + h).pow(2).sum()


# -- reinforcement learning --------------------------------------------------------------------------------


@case({"online.a.weight": RECEIVED, "target.a.weight": NO_GRAD})
def test_q_learning():
    """DQN: the target's best value with gradients off, the online value of the action taken."""
    online, target = layers("a"), layers("a")
    state, after, action = torch.randn(5, 4), torch.randn(5, 4), torch.tensor([0, 1, 2, 3, 0])
    yield given(online=online, target=target)
    with torch.no_grad():
        best = target.a(after).max(1)[0]  # cut: NO_GRAD no_grad x+
    taken = online(state).gather(1, action[:, None])[:, 0]
    yield F.smooth_l1_loss(taken, 1.0 + 0.9 * best)


@case({"actor.weight": RECEIVED, "critic.weight": DETACHED})
def test_actor_of_an_actor_critic():
    """The actor's loss: the critic's advantage is a constant in it."""
    net, x = layers("body actor critic"), torch.randn(5, 4)
    yield given(net)
    h = net.body(x).tanh()
    policy = torch.distributions.Categorical(logits=net.actor(h))
    action = policy.sample()
    value = net.critic(h).mean(1)
    advantage = (1.0 - value).detach()  # cut: DETACHED detach
    yield -(policy.log_prob(action) * advantage).mean()


@case({"a.weight": LEFT_PYTORCH, "b.weight": RECEIVED})
def test_loss_weighted_by_numbers():
    """Losses balanced by their own size as numbers: the other loss learns nothing from that."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    one = net.a(x).pow(2).mean()
    two = net.b(x).pow(2).mean()
    yield two * (1 / one.item())  # cut: LEFT_PYTORCH item


# -- inputs that learn -------------------------------------------------------------------------------------


@case({"x": RECEIVED, "a.weight": FROZEN})
def test_optimizing_an_input():
    """An input that requires grad, under a frozen model: saliency, style transfer, adversarial examples."""
    net, x = layers("a b").requires_grad_(False), torch.randn(5, 4, requires_grad=True)
    yield given(net, x=x)
    yield net(x).pow(2).sum()


@case({"a.weight": RECEIVED})
def test_input_that_is_made_to_require_grad_in_the_block():
    """An input that begins to require grad in the block."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net, x=x)
    x.requires_grad_()
    yield net(x).pow(2).sum()


@case({"a.weight": RECEIVED}, fill=False)
def test_adversarial_training():
    """FGSM in the block: a backward to the input, a step with gradients off, and the loss at the moved input."""
    net, x = layers("a b"), torch.randn(5, 4, requires_grad=True)
    yield given(net, x=x)
    (g,) = torch.autograd.grad(net(x).pow(2).sum(), x)
    with torch.no_grad():
        moved = x + 0.1 * g.sign()
    yield net(moved).pow(2).sum()


# -- architectures -----------------------------------------------------------------------------------------


@case({"mean.weight": RECEIVED, "spread.weight": RECEIVED, "decoder.weight": RECEIVED})
def test_variational_autoencoder():
    """The reparametrization trick passes gradients to both of its arguments."""
    net, x = layers("mean spread decoder"), torch.randn(5, 4)
    yield given(net)
    mean, logvar = net.mean(x), net.spread(x)
    z = mean + torch.randn_like(mean) * (0.5 * logvar).exp()
    divergence = -0.5 * (1 + logvar - mean.pow(2) - logvar.exp()).sum()
    yield F.mse_loss(net.decoder(z), x) + divergence


@case({"gate.weight": RECEIVED, "experts.0.weight": RECEIVED})
def test_mixture_of_experts():
    """The gate learns through the weights of the chosen experts, not through the choice."""
    net, x = nn.Module(), torch.randn(8, 4)
    net.gate, net.experts = nn.Linear(4, 3), nn.ModuleList(nn.Linear(4, 4) for _ in range(3))
    yield given(net)
    weights, chosen = net.gate(x).softmax(1).topk(2)
    out = torch.zeros_like(x)
    for index, expert in enumerate(net.experts):
        rows, places = (chosen == index).nonzero(as_tuple=True)
        out = out.index_add(0, rows, weights[rows, places, None] * expert(x[rows]))
    yield out.pow(2).sum()


@case({"gate.weight": NOT_DIFFERENTIABLE, "experts.0.weight": RECEIVED})
def test_mixture_of_experts_by_choice_alone():
    """If only the choice is used, the gate never learns."""
    net, x = nn.Module(), torch.randn(8, 4)
    net.gate, net.experts = nn.Linear(4, 2), nn.ModuleList(nn.Linear(4, 4) for _ in range(2))
    yield given(net)
    chosen = net.gate(x).argmax(1)  # cut: NOT_DIFFERENTIABLE argmax
    mask = (chosen == 0)[:, None]  # cut maybe: NOT_DIFFERENTIABLE eq
    yield torch.where(mask, net.experts[0](x), net.experts[1](x)).pow(2).sum()


@case({"wte.weight": RECEIVED, "head.weight": RECEIVED, "block.qkv.weight": RECEIVED})
def test_language_model():
    """A small GPT with tied weights."""
    net = nn.Module()
    net.wte, net.head, net.block = nn.Embedding(11, 8), nn.Linear(8, 11, bias=False), nn.Module()
    net.head.weight = net.wte.weight
    net.block.norm, net.block.qkv, net.block.out = nn.LayerNorm(8), nn.Linear(8, 24), nn.Linear(8, 8)
    words = torch.randint(11, (2, 6))
    yield given(net)
    h = net.wte(words)
    q, k, v = (t.view(2, 6, 2, 4).transpose(1, 2) for t in net.block.qkv(net.block.norm(h)).split(8, dim=2))
    attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    h = h + net.block.out(attended.transpose(1, 2).reshape(2, 6, 8))
    yield F.cross_entropy(net.head(h)[:, :-1].reshape(-1, 11), words[:, 1:].reshape(-1))


@case({"center.weight": RECEIVED, "context.weight": RECEIVED})
def test_word_vectors_with_negative_samples():
    """word2vec: two sparse tables, a positive and some negative samples."""
    net = nn.Module()
    net.center, net.context = nn.Embedding(20, 4, sparse=True), nn.Embedding(20, 4, sparse=True)
    yield given(net)
    word, near, noise = torch.tensor([1, 2]), torch.tensor([3, 4]), torch.randint(20, (2, 5))
    h = net.center(word)
    positive = F.logsigmoid((h * net.context(near)).sum(1))
    negative = F.logsigmoid(-(net.context(noise) @ h[:, :, None])).sum((1, 2))
    yield -(positive + negative).mean()


@case({"rnn.weight_hh_l0": RECEIVED})
def test_packed_sequence():
    """An LSTM over a packed sequence."""
    net, x = nn.Module(), torch.randn(3, 5, 4)
    net.rnn = nn.LSTM(4, 4, batch_first=True)
    yield given(net)
    out, _ = net.rnn(pack_padded_sequence(x, torch.tensor([5, 3, 2]), batch_first=True))
    yield pad_packed_sequence(out, batch_first=True)[0].pow(2).sum()


@case({"weight": RECEIVED})
def test_embedding_with_a_largest_norm():
    """An embedding that renormalizes its own weight in place, with gradients off, at each use."""
    net = nn.Embedding(10, 4, max_norm=0.5)
    yield given(net)
    yield net(torch.tensor([1, 2, 3])).pow(2).sum()


@case({"a.weight": RECEIVED, "b.weight": RECEIVED})
def test_checkpoint_within_a_checkpoint():
    """Nested checkpoints."""
    net, x = layers("a b c"), torch.randn(5, 4, requires_grad=True)
    yield given(net)

    def inner(h):
        return checkpoint(net.b, net.a(h).tanh(), use_reentrant=False)

    yield net.c(checkpoint(inner, x, use_reentrant=False)).sum()


@case({"a.weight": RECEIVED})
def test_value_with_history_written_with_gradients_off():
    """A write with gradients off to a value with history changes its numbers, and not its history."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x) + 0
    with torch.no_grad():
        h.mul_(2)
        h[0] = 0.0
    yield net.b(h).sum()


@case({"a.weight": ZERO, "b.weight": RECEIVED})
def test_zero_above_a_value_written_with_gradients_off():
    """Above such a write, the op that made a zero is still found."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    with torch.no_grad():
        h.mul_(2)
    h = h * 0  # cut: ZERO mul
    yield net.b(h + x).sum()


@case({"a.weight": RECEIVED, "b.weight": DETACHED})
def test_parameter_that_is_made_in_the_block():
    """A parameter made in the block from a value of another one."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    scale = nn.Parameter(net.b.weight.detach().mean(1))  # cut: DETACHED detach
    # cut maybe or below: DETACHED Parameter
    yield (net.a(x) * scale).sum()


@case({"a.weight": RECEIVED})
def test_jacobian_of_autograd():
    """`torch.autograd.functional.jacobian`, kept differentiable."""
    net, x = layers("a b"), torch.randn(4)
    yield given(net)
    jacobian = torch.autograd.functional.jacobian(lambda x: net(x).tanh(), x, create_graph=True)
    yield jacobian.pow(2).sum()


@case({"w": ZERO})
def test_parameter_without_entries():
    """A parameter of no entries: what arrives is as empty as the parameter."""
    w = torch.empty(0, 4, requires_grad=True)
    yield given(w=w)
    yield (w * 2).sum()  # cut maybe: ZERO mul|sum


@case({"a.weight": DETACHED})
def test_one_line_that_cuts_twice():
    """A line that runs twice is two cuts of one place."""
    net, x = layers("a b"), torch.randn(5, 4)

    def target(x):
        return net.a(x).detach()  # cut: DETACHED detach x2

    yield given(net)
    yield (net.b(x) - target(x) - target(x + 1)).pow(2).sum()
