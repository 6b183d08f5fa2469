"""Programs made of modules: sharing, freezing, several models, checkpoints, recurrent nets, attention, containers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from truth import case, given, layers

from gradflow import Reason

RECEIVED, ZERO, FROZEN, UNUSED = Reason.RECEIVED, Reason.ZERO, Reason.FROZEN, Reason.UNUSED
DETACHED, NO_GRAD, NOT_CONNECTED = Reason.DETACHED, Reason.NO_GRAD, Reason.NOT_CONNECTED


# -- sharing -----------------------------------------------------------------------------------------------


@case({"a.weight": RECEIVED, "b.weight": RECEIVED})
def test_tied_weights():
    """A tied weight is one parameter with two names, and gets the sum."""
    net, x = layers("a b c"), torch.randn(5, 4)
    net.b.weight = net.a.weight
    yield given(net)
    yield net(x).sum()


@case({"table.weight": RECEIVED, "head.weight": RECEIVED})
def test_tied_embedding_and_head():
    """So it is with an embedding that is the head too."""
    net = nn.Module()
    net.table, net.head = nn.Embedding(7, 4), nn.Linear(4, 7, bias=False)
    net.head.weight = net.table.weight
    yield given(net)
    yield F.cross_entropy(net.head(net.table(torch.tensor([1, 2, 3]))), torch.tensor([2, 3, 4]))


@case({"a.weight": RECEIVED, "b.weight": DETACHED})
def test_tied_weight_with_one_use_cut():
    """A shared weight is reached through the use that is not cut; another layer below the cut is not."""
    net, x = layers("b a"), torch.randn(5, 4)
    yield given(net)
    h = net.a(net.b(x)).detach()  # cut: DETACHED detach
    yield net.a(h).sum()


@case({"a.weight": RECEIVED, "b.weight": RECEIVED})
def test_module_called_twice():
    """A module called twice gets the sum of two shares."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    yield net.a(net.b(net.a(x)).tanh()).sum()


@case({"g.weight": RECEIVED, "d.weight": RECEIVED})
def test_discriminator_called_twice_with_one_call_cut():
    """A GAN's discriminator step, spoilt: the generated half is cut, the real one is not."""
    net, x = layers("g d"), torch.randn(5, 4)
    yield given(net)
    fake = net.g(x)
    real_score = net.d(x)
    cut_score = net.d(fake.detach())
    open_score = net.d(fake)
    yield (real_score - cut_score + open_score).sum()


@case({"g.weight": DETACHED, "d.weight": RECEIVED})
def test_discriminator_step():
    """A GAN's discriminator step: the generator is cut on purpose."""
    net, x = layers("g d"), torch.randn(5, 4)
    yield given(net)
    fake = net.g(x).detach()  # cut: DETACHED detach
    yield (net.d(x) - net.d(fake)).sum()


# -- freezing and not using --------------------------------------------------------------------------------


@case({"a.weight": FROZEN, "a.bias": FROZEN, "b.weight": RECEIVED, "c.weight": RECEIVED})
def test_first_layer_frozen():
    """A frozen first layer gets nothing."""
    net, x = layers("a b c"), torch.randn(5, 4)
    net.a.requires_grad_(False)
    yield given(net)
    yield net(x).sum()


@case({"a.weight": RECEIVED, "b.weight": FROZEN, "c.weight": RECEIVED})
def test_middle_layer_frozen(name):
    """A frozen middle layer gets nothing and passes the gradient on."""
    net, x = layers("a b c"), torch.randn(5, 4)
    net.b.requires_grad_(False)
    yield given(net)
    h = net.a(x)
    g = net.b(h)
    name(h=h, g=g)
    yield net.c(g).sum()


@case({"a.weight": RECEIVED, "c.weight": FROZEN})
def test_last_layer_frozen():
    """So does a frozen last layer."""
    net, x = layers("a b c"), torch.randn(5, 4)
    net.c.requires_grad_(False)
    yield given(net)
    yield net(x).sum()


@case({"a.weight": FROZEN, "a.bias": RECEIVED, "b.weight": RECEIVED})
def test_one_parameter_of_a_layer_frozen():
    """Freezing one parameter leaves its neighbour."""
    net, x = layers("a b"), torch.randn(5, 4)
    net.a.weight.requires_grad_(False)
    yield given(net)
    yield net(x).sum()


@case({"a.weight": FROZEN, "b.weight": RECEIVED})
def test_frozen_within_the_trace():
    """A layer frozen in the block, before its use."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    net.a.requires_grad_(False)
    yield net(x).sum()


@case({"a.weight": FROZEN, "b.weight": RECEIVED})
def test_frozen_and_detached():
    """FROZEN comes before the kind of a cut."""
    net, x = layers("a b"), torch.randn(5, 4)
    net.a.requires_grad_(False)
    yield given(net)
    yield net.b(net.a(x).detach()).sum()


@case({"a.weight": RECEIVED, "spare.weight": UNUSED, "spare.bias": UNUSED})
def test_unused_parameter():
    """A parameter that nothing uses is UNUSED, and still a value of the graph."""
    net, x = layers("a spare"), torch.randn(5, 4)
    yield given(net)
    yield net.a(x).sum()


@case({"spare.weight": FROZEN})
def test_unused_and_frozen():
    """FROZEN comes before UNUSED."""
    net, x = layers("a spare"), torch.randn(5, 4)
    net.spare.requires_grad_(False)
    yield given(net)
    yield net.a(x).sum()


@case({"a.weight": NOT_CONNECTED, "b.weight": RECEIVED})
def test_used_only_by_another_loss():
    """A parameter of another loss is not connected to this one."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    net.a(x).pow(2).sum()
    yield net.b(x).sum()


@case({"a.weight": NOT_CONNECTED, "b.weight": RECEIVED})
def test_two_losses():
    """Two losses of one forward: each flow says what its own backward does."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    one, two = net.a(x).sum(), net.b(x).sum()
    yield one
    yield two


@case({"trunk.weight": RECEIVED, "one.weight": NOT_CONNECTED, "two.weight": RECEIVED})
def test_two_heads():
    """Two heads over one trunk, and a backward from each over the same graph."""
    net, x = layers("trunk one two"), torch.randn(5, 4)
    yield given(net)
    h = net.trunk(x).tanh()
    one, two = net.one(h).sum(), net.two(h).pow(2).sum()
    yield one
    yield two


@case({"a.weight": RECEIVED})
def test_two_backwards_over_one_graph():
    """The same loss twice gives the same flow twice."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    loss = net(x).sum()
    yield loss
    yield loss


# -- several models, and what models return ----------------------------------------------------------------


@case({"enc.weight": RECEIVED, "dec.weight": RECEIVED})
def test_several_models_by_position():
    """Two models by position keep the names that `named_parameters` gives."""
    one, two, x = layers("enc"), layers("dec"), torch.randn(5, 4)
    yield given(one, two)
    yield two(one(x)).sum()


@case({"G.a.weight": DETACHED, "D.a.weight": RECEIVED})
def test_several_models_by_keyword():
    """Two models by keyword are prefixed, and may share names."""
    g, d, x = layers("a"), layers("a"), torch.randn(5, 4)
    yield given(G=g, D=d, x=x)
    fake = g(x).detach()  # cut: DETACHED detach
    yield d(fake).sum()


@case({"a.weight": RECEIVED, "head.a.weight": RECEIVED})
def test_models_by_position_and_by_keyword():
    """One by position, one by keyword."""
    one, two, x = layers("a"), layers("a"), torch.randn(5, 4)
    yield given(one, head=two)
    yield two(one(x)).sum()


@case({"w": RECEIVED, "b": RECEIVED})
def test_no_model():
    """Leaf tensors by keyword need no module."""
    w, b, x = torch.randn(4, requires_grad=True), torch.zeros((), requires_grad=True), torch.randn(5, 4)
    yield given(w=w, b=b, x=x)
    yield (x @ w + b).pow(2).mean()


@case({"batch.x": RECEIVED})
def test_dict_and_list_of_tensors():
    """Dicts and lists of tensors are named by key and index; an input may require grad."""
    net = layers("a")
    batch = {"x": torch.randn(5, 4, requires_grad=True), "parts": [torch.randn(5, 4), torch.ones(5, 1)]}
    yield given(net, batch=batch)
    yield (net(batch["x"]) * batch["parts"][0] * batch["parts"][1]).sum()


class Both(nn.Module):
    """Two layers whose forward returns what `wrap` makes of their outputs."""

    def __init__(self, wrap):
        super().__init__()
        self.a, self.b, self.wrap = nn.Linear(4, 4), nn.Linear(4, 4), wrap

    def forward(self, x):
        h = self.a(x)
        return self.wrap(h, self.b(h))


@dataclass
class Output:
    hidden: Tensor
    logits: Tensor


class Pair(NamedTuple):
    hidden: Tensor
    logits: Tensor


@case({"a.weight": RECEIVED, "b.weight": RECEIVED})
def test_model_that_returns_a_dict():
    """What a model returns does not matter: a dict."""
    net, x = Both(lambda h, y: {"hidden": h, "logits": y}), torch.randn(5, 4)
    yield given(net)
    yield net(x)["logits"].sum()


@case({"a.weight": RECEIVED, "b.weight": NOT_CONNECTED})
def test_model_that_returns_a_tuple():
    """A tuple, of which one half is used."""
    net, x = Both(lambda h, y: (h, [y])), torch.randn(5, 4)
    yield given(net)
    yield net(x)[0].sum()


@case({"a.weight": RECEIVED, "b.weight": RECEIVED})
def test_model_that_returns_a_dataclass():
    """A dataclass."""
    net, x = Both(Output), torch.randn(5, 4)
    yield given(net)
    yield net(x).logits.sum()


@case({"a.weight": RECEIVED, "b.weight": RECEIVED})
def test_model_that_returns_a_named_tuple():
    """A named tuple."""
    net, x = Both(Pair), torch.randn(5, 4)
    yield given(net)
    yield net(x).logits.sum()


@case({"0.weight": RECEIVED, "1.weight": UNUSED, "2.weight": RECEIVED})
def test_module_list():
    """A ModuleList of which one is left out."""
    net, x = nn.ModuleList(nn.Linear(4, 4) for _ in range(3)), torch.randn(5, 4)
    yield given(net)
    for layer in (net[0], net[2]):
        x = layer(x)
    yield x.sum()


@case({"0": RECEIVED, "1": UNUSED})
def test_parameter_list():
    """A ParameterList names by index."""
    ws, x = nn.ParameterList(torch.randn(4) for _ in range(2)), torch.randn(5, 4)
    yield given(ws)
    yield (x * ws[0]).sum()


@case({"w.scale": RECEIVED, "w.shift": UNUSED})
def test_parameter_dict():
    """A ParameterDict names by key."""
    ws, x = nn.ParameterDict({"scale": torch.randn(4), "shift": torch.randn(4)}), torch.randn(5, 4)
    yield given(w=ws)
    yield (x * ws["scale"]).sum()


@case({"parametrizations.weight.original0": RECEIVED, "parametrizations.weight.original1": RECEIVED})
def test_weight_norm():
    """A parametrization's own parameters are the leaves."""
    net, x = nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)), torch.randn(5, 4)
    yield given(net)
    yield net(x).pow(2).sum()


@case({"parametrizations.weight.original": RECEIVED})
def test_orthogonal():
    """So it is with an orthogonal parametrization."""
    net, x = nn.utils.parametrizations.orthogonal(nn.Linear(4, 4)), torch.randn(5, 4)
    yield given(net)
    yield net(x).pow(3).sum()


@case({"parametrizations.weight.original": RECEIVED})
def test_spectral_norm():
    """Spectral norm updates buffers with gradients off, and passes gradients."""
    net, x = nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4)), torch.randn(5, 4)
    yield given(net)
    yield net(x).pow(2).sum()


# -- checkpoints -------------------------------------------------------------------------------------------


@case({"a.weight": RECEIVED, "b.weight": RECEIVED, "c.weight": RECEIVED})
def test_checkpoint():
    """A checkpoint without reentrance computes its region again in backward."""
    net, x = layers("a b c"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    h = checkpoint(lambda h: F.dropout(net.b(h).tanh(), 0.5), h, use_reentrant=False)
    yield net.c(h).sum()


@case({"a.weight": RECEIVED, "b.weight": RECEIVED, "c.weight": RECEIVED}, leaves=False)
def test_reentrant_checkpoint():
    """A reentrant checkpoint runs a backward within the backward; its parameters are reached all the same."""
    net, x = layers("a b c"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    h = checkpoint(lambda h: F.dropout(net.b(h).tanh(), 0.5), h, use_reentrant=True)
    yield net.c(h).sum()


@case({"a.weight": (Reason.NOT_DIFFERENTIABLE, NO_GRAD, Reason.UNDEFINED), "b.weight": RECEIVED})
def test_reentrant_checkpoint_of_an_input_without_grad():
    """A reentrant checkpoint none of whose inputs requires grad cuts everything in it."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = checkpoint(  # cut maybe: NOT_DIFFERENTIABLE|NO_GRAD|UNDEFINED no_grad|apply|CheckpointFunction|linear
        net.a,
        x,
        use_reentrant=True,
    )
    yield net.b(h).sum()


@case({"a.weight": DETACHED, "b.weight": RECEIVED})
def test_detach_within_a_checkpoint():
    """A cut within a checkpoint is named once, though the region runs twice."""
    net, x = layers("a b"), torch.randn(5, 4, requires_grad=True)

    def region(x):
        h = net.a(x)
        h = h.detach()  # cut: DETACHED detach
        return net.b(h)

    yield given(net)
    yield checkpoint(region, x, use_reentrant=False).sum()


@case({"a.weight": RECEIVED})
def test_sequence_of_checkpoints():
    """Several checkpoints in a row, both kinds mixed with plain layers."""
    net, x = layers("a b c d"), torch.randn(5, 4, requires_grad=True)
    yield given(net, x=x)
    h = checkpoint(net.a, x, use_reentrant=False)
    h = checkpoint(net.b, h, use_reentrant=False)
    yield net.d(net.c(h).tanh()).sum()


# -- recurrent nets ----------------------------------------------------------------------------------------


@case({"cell.weight_ih": RECEIVED, "start": DETACHED})
def test_truncated_rnn():
    """Truncated backpropagation: the step of the detach cuts what is before it, and the cell is still reached."""
    net = nn.Module()
    net.cell, net.start = nn.RNNCell(4, 4), nn.Parameter(torch.randn(2, 4))
    xs = torch.randn(6, 2, 4)
    yield given(net)
    h = net.start
    for step, x in enumerate(xs):
        if step == 3:
            h = h.detach()  # cut: DETACHED detach
        h = net.cell(x, h)
    yield h.sum()


@case({"cell.weight_hh": RECEIVED, "first.weight": DETACHED})
def test_truncated_lstm():
    """An LSTM with both states detached, each a cut of its own."""
    net = nn.Module()
    net.first, net.cell = nn.Linear(4, 4), nn.LSTMCell(4, 4)
    xs = torch.randn(5, 2, 4)
    yield given(net)
    h = c = net.first(xs[0])
    for step, x in enumerate(xs):
        h, c = net.cell(x, (h, c))
        if step == 2:
            h = h.detach()  # cut: DETACHED detach
            c = c.detach()  # cut: DETACHED detach
    yield h.sum()


@case({"cell.weight_hh": RECEIVED, "first.weight": DETACHED})
def test_gru_detached_at_every_step():
    """One line that runs at every step is one cut for each time that it ran."""
    net = nn.Module()
    net.first, net.cell = nn.Linear(4, 4), nn.GRUCell(4, 4)
    xs = torch.randn(3, 2, 4)
    yield given(net)
    h = net.first(xs[0])
    for x in xs:
        h = net.cell(x, h.detach())  # cut: DETACHED detach x3
    yield h.sum()


@case({"rnn.weight_ih_l0": RECEIVED, "rnn.weight_hh_l1": RECEIVED})
def test_whole_lstm():
    """`nn.LSTM`, which is one call for all steps."""
    net = nn.Module()
    net.rnn, net.head = nn.LSTM(4, 4, num_layers=2, batch_first=True), nn.Linear(4, 1)
    x = torch.randn(2, 5, 4)
    yield given(net)
    out, (_, c) = net.rnn(x)
    yield net.head(out[:, -1]).sum() + c.sum()


@case({"weight_hh_l0": ZERO, "weight_ih_l0": RECEIVED})
def test_gru_of_one_step():
    """With one step from a zero state, the recurrent weight gets exact zeros."""
    net, x = nn.GRU(4, 4), torch.randn(1, 2, 4)
    yield given(net)
    out, _ = net(x)  # cut: ZERO gru
    yield out.sum()


@case({"weight_hh_l0": RECEIVED})
def test_bidirectional_rnn():
    """A bidirectional RNN."""
    net, x = nn.RNN(4, 4, bidirectional=True), torch.randn(3, 2, 4)
    yield given(net)
    yield net(x)[0].pow(2).sum()


# -- attention, embeddings, normalization ------------------------------------------------------------------


@case({"in_proj_weight": RECEIVED, "out_proj.weight": RECEIVED})
def test_multihead_attention():
    """`nn.MultiheadAttention` with its weights asked for."""
    net, x = nn.MultiheadAttention(4, 2, batch_first=True), torch.randn(2, 5, 4)
    yield given(net)
    y, weights = net(x, x, x)
    yield y.pow(2).sum() + weights.pow(2).sum()


@case({"in_proj_weight": RECEIVED})
def test_causal_attention_without_weights():
    """Attention with a causal mask, through the fused function."""
    net, x = nn.MultiheadAttention(4, 2, batch_first=True, dropout=0.1), torch.randn(2, 5, 4)
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    yield given(net)
    y, _ = net(x, x, x, attn_mask=mask, is_causal=True, need_weights=False)
    yield y.pow(2).sum()


@case({"layers.0.self_attn.in_proj_weight": RECEIVED, "layers.1.linear2.weight": RECEIVED})
def test_transformer_encoder_in_training():
    """A transformer encoder in training mode, with dropout."""
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
    net, x = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), torch.randn(2, 5, 8)
    yield given(net)
    yield net(x).pow(2).sum()


@case({"layers.0.self_attn.in_proj_weight": RECEIVED, "layers.1.linear2.weight": RECEIVED})
def test_transformer_encoder_in_evaluation():
    """And in evaluation mode: with gradients on, the fast path is not taken."""
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    net, x = nn.TransformerEncoder(layer, 2).eval(), torch.randn(2, 5, 8)
    yield given(net)
    yield net(x).pow(2).sum()


@case({"layers.0.linear1.weight": NO_GRAD, "head.weight": RECEIVED}, bitwise=False)
def test_transformer_encoder_as_frozen_features():
    """A transformer under `no_grad` is cut by that one line, op by op."""
    net = nn.Module()
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    net.layers, net.head = nn.ModuleList([layer]), nn.Linear(8, 1)
    net.eval()
    x = torch.randn(2, 5, 8)
    yield given(net)
    with torch.no_grad():
        h = net.layers[0](x)  # cut: NO_GRAD no_grad x+
    yield net.head(h).sum()


@case({"encoder.layers.0.linear1.weight": RECEIVED, "decoder.layers.0.multihead_attn.in_proj_weight": RECEIVED})
def test_whole_transformer():
    """`nn.Transformer`, encoder and decoder."""
    net = nn.Transformer(8, 2, 1, 1, 16, batch_first=True)
    source, target = torch.randn(2, 5, 8), torch.randn(2, 3, 8)
    yield given(net)
    yield net(source, target).pow(2).sum()


@case({"weight": RECEIVED})
def test_embedding():
    """An embedding's gradient is zero for the words that do not occur."""
    net = nn.Embedding(10, 4, padding_idx=0)
    yield given(net)
    yield net(torch.tensor([0, 3, 3, 7])).pow(2).sum()


@case({"weight": RECEIVED})
def test_sparse_embedding():
    """A sparse gradient has its norm and its share of the dense shape."""
    net = nn.Embedding(10, 4, sparse=True)
    yield given(net)
    yield net(torch.tensor([1, 3, 3, 7])).pow(2).sum()


@case({"weight": ZERO})
def test_sparse_embedding_times_zero():
    """A sparse gradient may be exactly zero."""
    net = nn.Embedding(10, 4, sparse=True)
    yield given(net)
    h = net(torch.tensor([1, 3, 3, 7]))
    yield (h * 0).sum()  # cut: ZERO mul


@case({"weight": RECEIVED})
def test_embedding_bag():
    """An EmbeddingBag, dense and sparse."""
    net = nn.EmbeddingBag(10, 4, mode="sum", sparse=True)
    yield given(net)
    yield net(torch.tensor([[1, 3], [3, 7]])).pow(2).sum()


@case({"norm.weight": RECEIVED, "a.weight": RECEIVED})
def test_batch_norm_in_training():
    """BatchNorm in training mode writes its buffers."""
    net, x = layers("a"), torch.randn(5, 4)
    net.norm = nn.BatchNorm1d(4)
    yield given(net)
    yield net.norm(net.a(x)).pow(3).sum()


@case({"norm.weight": RECEIVED, "a.weight": RECEIVED})
def test_batch_norm_in_evaluation():
    """BatchNorm in evaluation mode reads its buffers."""
    net, x = layers("a"), torch.randn(5, 4)
    net.norm = nn.BatchNorm1d(4)
    net.eval()
    yield given(net)
    yield net.norm(net.a(x)).pow(3).sum()


@case({"conv.weight": RECEIVED, "norm.weight": RECEIVED, "head.weight": RECEIVED})
def test_convolutional_net():
    """Convolution, group norm, pooling, residual connection."""
    net = nn.Module()
    net.conv, net.norm, net.head = nn.Conv2d(3, 8, 3, padding=1), nn.GroupNorm(2, 8), nn.Linear(8, 2)
    x = torch.randn(2, 3, 8, 8)
    yield given(net)
    h = F.relu(net.norm(net.conv(x)))
    h = F.max_pool2d(h + h.roll(1, 2), 2).mean((2, 3))
    yield F.cross_entropy(net.head(h), torch.tensor([0, 1]))


@case({"a.weight": RECEIVED})
def test_weights_above_a_hundred_thousand_entries():
    """Above 100,000 entries the support is left out; status and norm are right."""
    net, x = nn.Sequential(), torch.randn(2, 400)
    net.a = nn.Linear(400, 300)
    yield given(net)
    yield net.a(x).sum()


@case({"a.weight": ZERO})
def test_zero_above_a_hundred_thousand_entries():
    """An exact zero is told from a tiny gradient in large tensors too."""
    net, x = nn.Sequential(), torch.randn(2, 400)
    net.a = nn.Linear(400, 300)
    yield given(net)
    h = net.a(x)
    yield (h * 0).sum()  # cut: ZERO mul


@case({"a.weight": RECEIVED})
def test_tiny_above_a_hundred_thousand_entries():
    """And a gradient whose norm underflows is not zero."""
    net, x = nn.Sequential(), torch.ones(2, 400)
    net.a = nn.Linear(400, 300)
    yield given(net)
    yield (net.a(x) * 1e-35).sum()


@case({"0.weight": RECEIVED})
def test_lazy_module():
    """A lazy module, initialized before the trace."""
    net, x = nn.Sequential(nn.LazyLinear(4), nn.LazyLinear(2)), torch.randn(5, 4)
    net(x)
    yield given(net)
    yield net(x).sum()
