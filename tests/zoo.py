"""Traced models of many families, small: what people draw."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import torch
import torch.nn.functional as F
from torch import nn

import gradflow as gf

Traced = tuple[gf.Graph, tuple[tuple[int, str], ...]]
ZOO: dict[str, Callable[[], gf.Flow]] = {}


def family(make: Callable[[], tuple[gf.Trace, torch.Tensor]]) -> Callable[[], tuple[gf.Trace, torch.Tensor]]:
    """Put a model into the zoo: what is decorated gives the trace and the loss."""

    def flow() -> gf.Flow:
        torch.manual_seed(0)
        trace, loss = make()
        return trace.flow(loss)

    ZOO[make.__name__] = cache(flow)
    return make


def run(model, *inputs, target=None, **named):
    """One loss of a model: its mean, or the squared distance from a target."""
    with gf.trace(model, **named) as t:
        out = model(*inputs)
        loss = out.mean() if target is None else F.mse_loss(out, target)
    return t, loss


class Res(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc1, self.fc2 = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x):
        return x + self.fc2(F.gelu(self.fc1(self.norm(x))))


@family
def bridge():
    class Bridge(nn.Module):
        def __init__(self):
            super().__init__()
            self.A, self.B, self.C = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 2)

        def forward(self, x):
            return self.C(self.B(self.A(x)).detach())

    model, x, y = Bridge(), torch.randn(5, 3), torch.randn(5, 2)
    return run(model, x, target=y, x=x, y=y)


@family
def mlp():
    x, y = torch.randn(5, 3), torch.randn(5, 2)
    return run(nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2)), x, target=y, x=x, y=y)


@family
def residual_mlp():
    x, y = torch.randn(5, 4), torch.randn(5, 2)
    return run(nn.Sequential(Res(), Res(), nn.Linear(4, 2)), x, target=y, x=x, y=y)


@family
def cnn():
    model = nn.Sequential(
        *(nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)),
    )
    x, labels = torch.randn(2, 1, 8, 8), torch.tensor([0, 2])
    with gf.trace(model, x=x, labels=labels) as t:
        logits = model(x)
        loss = F.cross_entropy(logits, labels)
        accuracy = (logits.argmax(1) == labels).float().mean()
        t.name(accuracy=accuracy)
    return t, loss


class BasicBlock(nn.Module):
    def __init__(self, inside, outside):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inside, outside, 3, padding=1), nn.BatchNorm2d(outside)
        self.conv2, self.bn2 = nn.Conv2d(outside, outside, 3, padding=1), nn.BatchNorm2d(outside)
        self.short = nn.Conv2d(inside, outside, 1) if inside != outside else nn.Identity()

    def forward(self, x):
        h = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(h)) + self.short(x))


@family
def resnet():
    class ResNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Conv2d(3, 4, 3)
            self.layer1 = nn.Sequential(BasicBlock(4, 4), BasicBlock(4, 4))
            self.layer2 = nn.Sequential(BasicBlock(4, 8), BasicBlock(8, 8))
            self.fc = nn.Linear(8, 3)

        def forward(self, x):
            h = self.layer2(self.layer1(self.stem(x)))
            return self.fc(h.mean((2, 3)))

    x = torch.randn(2, 3, 8, 8)
    return run(ResNet(), x, x=x)


@family
def unet():
    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.down1, self.down2, self.mid = (nn.Conv2d(a, b, 3, padding=1) for a, b in ((1, 2), (2, 4), (4, 4)))
            self.up2, self.up1 = nn.Conv2d(8, 2, 3, padding=1), nn.Conv2d(4, 1, 3, padding=1)

        def forward(self, x):
            d1 = F.relu(self.down1(x))
            d2 = F.relu(self.down2(F.max_pool2d(d1, 2)))
            m = F.interpolate(self.mid(F.max_pool2d(d2, 2)), scale_factor=2)
            u2 = F.interpolate(self.up2(torch.cat([m, d2], 1)), scale_factor=2)
            return self.up1(torch.cat([u2, d1], 1))

    x = torch.randn(1, 1, 8, 8)
    return run(UNet(), x, target=x, x=x)


@family
def autoencoder():
    class AutoEncoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
            self.decoder = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 6))

        def forward(self, x):
            return self.decoder(self.encoder(x))

    x = torch.randn(5, 6)
    return run(AutoEncoder(), x, target=x, x=x)


@family
def vae():
    class VAE(nn.Module):
        def __init__(self):
            super().__init__()
            self.enc, self.mu, self.logvar, self.dec = (nn.Linear(a, b) for a, b in ((6, 4), (4, 2), (4, 2), (2, 6)))

        def forward(self, x):
            h = F.relu(self.enc(x))
            mu, logvar = self.mu(h), self.logvar(h)
            z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
            return self.dec(z), mu, logvar

    model, x = VAE(), torch.randn(5, 6)
    with gf.trace(model, x=x) as t:
        out, mu, logvar = model(x)
        loss = F.mse_loss(out, x) - 0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).mean()
    return t, loss


@family
def vqvae():
    class VQVAE(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder, self.decoder = nn.Linear(6, 2), nn.Linear(2, 6)
            self.codebook = nn.Parameter(torch.randn(8, 2))

        def forward(self, x):
            z = self.encoder(x)
            code = self.codebook[torch.cdist(z, self.codebook).argmin(1)]
            through = z + (code - z).detach()
            commit = F.mse_loss(z, code.detach()) * 0.25 + F.mse_loss(code, z.detach())
            return self.decoder(through), commit

    model, x = VQVAE(), torch.randn(5, 6)
    with gf.trace(model, x=x) as t:
        out, commit = model(x)
        loss = F.mse_loss(out, x) + commit
    return t, loss


@family
def gan():
    G, D = nn.Linear(2, 4), nn.Sequential(nn.Linear(4, 4), nn.LeakyReLU(0.2), nn.Linear(4, 1))
    z, real = torch.randn(5, 2), torch.randn(5, 4)
    with gf.trace(G=G, D=D, z=z, real=real) as t:
        fake = G(z)
        on_real, on_fake = D(real), D(fake.detach())
        loss_D = F.softplus(-on_real).mean() + F.softplus(on_fake).mean()
        loss_G = F.softplus(-D(fake)).mean()
        t.name(fake=fake, loss_G=loss_G)
    return t, loss_D


@family
def lstm_cell():
    class Loop(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell, self.head = nn.LSTMCell(2, 3), nn.Linear(3, 1)

        def forward(self, xs):
            state = None
            for x in xs:
                state = self.cell(x, state)
            return self.head(state[0])

    xs, y = torch.randn(4, 5, 2), torch.randn(5, 1)
    return run(Loop(), xs, target=y, xs=xs, y=y)


@family
def gru():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.gru, self.head = nn.Embedding(9, 4), nn.GRU(4, 3, batch_first=True), nn.Linear(3, 2)

        def forward(self, ids):
            return self.head(self.gru(self.embed(ids))[0][:, -1])

    ids, labels = torch.randint(9, (2, 5)), torch.tensor([0, 1])
    model = Net()
    with gf.trace(model, ids=ids, labels=labels) as t:
        loss = F.cross_entropy(model(ids), labels)
    return t, loss


@family
def rnn_by_hand():
    w, u, x = torch.randn(3, 3, requires_grad=True), torch.randn(2, 3, requires_grad=True), torch.randn(6, 5, 2)
    with gf.trace(w=w, u=u, x=x) as t:
        h = torch.zeros(5, 3)
        for step in x:
            h = torch.tanh(h @ w + step @ u)
        loss = h.pow(2).mean()
    return t, loss


@family
def bidirectional():
    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(3, 4, num_layers=2, bidirectional=True)
            self.out = nn.Linear(8, 2)

        def forward(self, x):
            return self.out(self.lstm(x)[0])

    x = torch.randn(5, 2, 3)
    return run(Tagger(), x, x=x)


class Attention(nn.Module):
    def __init__(self, width=4, heads=2, causal=False):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x):
        b, n, d = x.shape
        q, k, v = (f(x).view(b, n, self.heads, -1).transpose(1, 2) for f in (self.q, self.k, self.v))
        scores = q @ k.transpose(-2, -1) / math.sqrt(d)
        if self.causal:
            scores = scores.masked_fill(torch.ones(n, n).tril() == 0, -1e9)
        return self.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(b, n, d))


@family
def attention():
    x = torch.randn(2, 3, 4)
    return run(Attention(causal=True), x, x=x)


@family
def transformer():
    model = nn.Transformer(4, 2, 1, 1, 8, dropout=0.0, batch_first=True)
    src, tgt = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    return run(model, src, tgt, src=src, tgt=tgt)


class Block(nn.Module):
    def __init__(self, width, lora=0):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = CausalAttention(width, lora)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x, mask):
        x = x + self.attn(self.ln_1(x), mask)
        return x + self.mlp(self.ln_2(x))


class CausalAttention(nn.Module):
    def __init__(self, width, lora):
        super().__init__()
        self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        if lora:
            self.requires_grad_(False)
            self.lora_A = nn.Parameter(torch.randn(lora, width))
            self.lora_B = nn.Parameter(torch.zeros(3 * width, lora))

    def forward(self, x, mask):
        qkv = self.c_attn(x)
        if hasattr(self, "lora_A"):
            qkv = qkv + x @ self.lora_A.T @ self.lora_B.T
        q, k, v = (part.unflatten(-1, (2, -1)).transpose(1, 2) for part in qkv.chunk(3, -1))
        weights = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).masked_fill(mask, -1e9).softmax(-1)
        return self.c_proj((weights @ v).transpose(1, 2).flatten(2))


class GPT(nn.Module):
    def __init__(self, blocks, lora=0, width=4):
        super().__init__()
        self.transformer = Decoder(blocks, lora, width)
        self.lm_head = nn.Linear(width, 11, bias=False)
        self.lm_head.weight = self.transformer.wte.weight

    def forward(self, ids):
        return self.lm_head(self.transformer(ids))


class Decoder(nn.Module):
    def __init__(self, blocks, lora, width):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(11, width), nn.Embedding(8, width)
        self.h = nn.ModuleList(Block(width, lora if i < blocks // 2 else 0) for i in range(blocks))
        self.ln_f = nn.LayerNorm(width)

    def forward(self, ids):
        n = ids.shape[1]
        mask = torch.arange(n)[:, None] < torch.arange(n)[None]
        x = self.wte(ids) + self.wpe(torch.arange(n).unsqueeze(0))
        for block in self.h:
            x = block(x, mask)
        return self.ln_f(x)


def language_model(model):
    ids = torch.randint(11, (2, 6))
    with gf.trace(model, ids=ids) as t:
        logits = model(ids)
        loss = F.cross_entropy(logits[:, :-1].reshape(-1, 11), ids[:, 1:].reshape(-1))
    return t, loss


@family
def gpt2():
    return language_model(GPT(12))


@family
def gpt2_one_block():
    return language_model(GPT(1))


@family
def gpt2_lora():
    model = GPT(12, lora=2)
    model.transformer.wte.requires_grad_(False)
    model.transformer.wpe.requires_grad_(False)
    return language_model(model)


@family
def gpt2_deep():
    return language_model(GPT(48, width=2))


@family
def bert():
    class Bert(nn.Module):
        def __init__(self):
            super().__init__()
            self.embeddings = nn.Embedding(11, 4)
            layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
            self.pooler, self.classifier = nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, ids, mask):
            h = self.encoder(self.embeddings(ids), src_key_padding_mask=mask)
            return self.classifier(torch.tanh(self.pooler(h[:, 0])))

    model, ids, mask = Bert(), torch.randint(11, (2, 5)), torch.zeros(2, 5, dtype=torch.bool)
    labels = torch.tensor([0, 1])
    with gf.trace(model, ids=ids, mask=mask, labels=labels) as t:
        loss = F.cross_entropy(model(ids, mask), labels)
    return t, loss


@family
def experts():
    class Experts(nn.Module):
        def __init__(self):
            super().__init__()
            self.gate = nn.Linear(4, 4)
            self.experts = nn.ModuleList(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4)) for _ in range(4))

        def forward(self, x):
            weights, chosen = self.gate(x).softmax(-1).topk(2, -1)
            outputs = torch.stack([expert(x) for expert in self.experts], 1)
            picked = outputs.gather(1, chosen.unsqueeze(-1).expand(-1, -1, 4))
            return (picked * weights.unsqueeze(-1)).sum(1)

    x = torch.randn(5, 4)
    return run(Experts(), x, target=x, x=x)


@family
def simsiam():
    f, h = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)), nn.Linear(3, 3)
    x1, x2 = torch.randn(5, 4), torch.randn(5, 4)
    with gf.trace(f=f, h=h, x1=x1, x2=x2) as t:
        z1, z2 = f(x1), f(x2)
        p1, p2 = h(z1), h(z2)
        distance = F.cosine_similarity(p1, z2.detach()).mean() + F.cosine_similarity(p2, z1.detach()).mean()
        loss = -distance / 2
    return t, loss


@family
def contrastive():
    image, text = nn.Linear(5, 3), nn.Sequential(nn.Embedding(9, 3), nn.Flatten(), nn.Linear(12, 3))
    scale = torch.tensor(0.1, requires_grad=True)
    pixels, ids = torch.randn(4, 5), torch.randint(9, (4, 4))
    with gf.trace(image=image, text=text, scale=scale, pixels=pixels, ids=ids) as t:
        a, b = F.normalize(image(pixels), dim=-1), F.normalize(text(ids), dim=-1)
        logits = a @ b.T * scale.exp()
        labels = torch.arange(4)
        loss = (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2
    return t, loss


@family
def dqn():
    online, target = (nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)) for _ in range(2))
    state, following = torch.randn(5, 4), torch.randn(5, 4)
    action, reward = torch.randint(2, (5, 1)), torch.randn(5)
    with gf.trace(online=online, target=target, state=state, following=following, action=action, reward=reward) as t:
        value = online(state).gather(1, action).squeeze(1)
        with torch.no_grad():
            goal = reward + 0.9 * target(following).max(1).values
        loss = F.smooth_l1_loss(value, goal)
    return t, loss


@family
def actor_critic():
    class ActorCritic(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.actor, self.critic = nn.Linear(4, 6), nn.Linear(6, 2), nn.Linear(6, 1)

        def forward(self, state):
            h = torch.tanh(self.body(state))
            return self.actor(h).log_softmax(-1), self.critic(h).squeeze(-1)

    model, state = ActorCritic(), torch.randn(5, 4)
    action, returns = torch.randint(2, (5, 1)), torch.randn(5)
    with gf.trace(model, state=state, action=action, returns=returns) as t:
        logp, value = model(state)
        advantage = (returns - value).detach()
        policy = -(logp.gather(1, action).squeeze(1) * advantage).mean()
        entropy = -(logp.exp() * logp).sum(-1).mean()
        loss = policy + 0.5 * F.mse_loss(value, returns) - 0.01 * entropy
    return t, loss


@family
def word2vec():
    center, context = nn.Embedding(20, 4), nn.Embedding(20, 4)
    word, near, noise = torch.randint(20, (5,)), torch.randint(20, (5,)), torch.randint(20, (5, 3))
    with gf.trace(center=center, context=context, word=word, near=near, noise=noise) as t:
        v = center(word)
        positive = F.logsigmoid((v * context(near)).sum(-1))
        negative = F.logsigmoid(-(context(noise) @ v.unsqueeze(-1)).squeeze(-1)).sum(-1)
        loss = -(positive + negative).mean()
    return t, loss


@family
def graph_convolution():
    class GCN(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(3, 4, bias=False), nn.Linear(4, 2, bias=False)

        def forward(self, nodes, edges):
            degree = edges.sum(1)
            norm = degree.rsqrt()
            adjacent = norm[:, None] * edges * norm[None]
            return adjacent @ self.second(F.relu(adjacent @ self.first(nodes)))

    model, nodes, edges = GCN(), torch.randn(6, 3), torch.eye(6) + torch.ones(6, 6)
    with gf.trace(model, nodes=nodes, edges=edges) as t:
        loss = model(nodes, edges).logsumexp(-1).mean()
    return t, loss


@family
def inception():
    class Inception(nn.Module):
        def __init__(self):
            super().__init__()
            self.b1 = nn.Conv2d(2, 2, 1)
            self.b2 = nn.Sequential(nn.Conv2d(2, 2, 1), nn.ReLU(), nn.Conv2d(2, 2, 3, padding=1))
            self.b3 = nn.Sequential(nn.Conv2d(2, 2, 1), nn.ReLU(), nn.Conv2d(2, 2, 5, padding=2))
            self.b4 = nn.Conv2d(2, 2, 1)

        def forward(self, x):
            pooled = self.b4(F.max_pool2d(x, 3, 1, 1))
            return torch.cat([self.b1(x), self.b2(x), self.b3(x), pooled], 1)

    x = torch.randn(1, 2, 6, 6)
    return run(Inception(), x, x=x)


@family
def densenet():
    class Dense(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(3 * (i + 1), 3) for i in range(4))

        def forward(self, x):
            seen = [x]
            for layer in self.layers:
                seen.append(F.relu(layer(torch.cat(seen, -1))))
            return seen[-1]

    x = torch.randn(5, 3)
    return run(Dense(), x, x=x)


@family
def diffusion():
    class Denoiser(nn.Module):
        def __init__(self):
            super().__init__()
            self.time, self.body = nn.Embedding(10, 4), nn.Sequential(nn.Linear(4, 8), nn.SiLU(), nn.Linear(8, 4))
            self.register_buffer("alphas", torch.linspace(0.99, 0.1, 10))

        def forward(self, x, step):
            return self.body(x + self.time(step))

    model, x, step = Denoiser(), torch.randn(5, 4), torch.randint(10, (5,))
    with gf.trace(model, x=x, step=step) as t:
        alpha = model.alphas[step].unsqueeze(-1)
        noise = torch.randn(5, 4)
        noisy = alpha.sqrt() * x + (1 - alpha).sqrt() * noise
        loss = F.mse_loss(model(noisy, step), noise)
    return t, loss


@family
def physics():
    u = nn.Sequential(nn.Linear(1, 6), nn.Tanh(), nn.Linear(6, 1))
    x = torch.linspace(0, 1, 5).unsqueeze(1).requires_grad_()
    with gf.trace(u=u, x=x) as t:
        y = u(x)
        (slope,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        loss = (slope + y).pow(2).mean() + (y[0] - 1).pow(2).mean()
    return t, loss


@family
def radial_basis():
    class RBF(nn.Module):
        def __init__(self):
            super().__init__()
            self.centers, self.log_width = nn.Parameter(torch.randn(4, 2)), nn.Parameter(torch.zeros(4))
            self.out = nn.Linear(4, 1)

        def forward(self, x):
            return self.out(torch.exp(-(torch.cdist(x, self.centers) ** 2) * self.log_width.exp()))

    x, y = torch.randn(5, 2), torch.randn(5, 1)
    return run(RBF(), x, target=y, x=x, y=y)


@family
def teacher_student():
    student, teacher = nn.Linear(3, 2), nn.Linear(3, 2)
    x = torch.randn(5, 3)
    with gf.trace(student=student, teacher=teacher, x=x) as t:
        with torch.no_grad():
            for slow, fast in zip(teacher.parameters(), student.parameters(), strict=True):
                slow.mul_(0.99).add_(fast, alpha=0.01)
            goal = teacher(x).softmax(-1)
        loss = F.kl_div(student(x).log_softmax(-1), goal, reduction="batchmean")
    return t, loss


class Quantize(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.round()

    @staticmethod
    def backward(ctx, gradient):
        return None


@family
def all_states():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.adapter, self.mid = nn.Linear(4, 3), nn.Linear(3, 3).requires_grad_(False)
            self.gate, self.code, self.teacher = nn.Linear(4, 3), nn.Linear(4, 3), nn.Linear(4, 3)
            self.log_t, self.spare = nn.Parameter(torch.tensor(0.5)), nn.Linear(2, 2)
            nn.init.constant_(self.gate.bias, -9.0)

        def forward(self, x):
            h = self.mid(self.adapter(x))
            h = h + F.relu(self.gate(x))
            h = h + Quantize.apply(self.code(x))
            with torch.no_grad():
                target = self.teacher(x)
            return F.mse_loss(h / self.log_t.exp().item(), target)

    model, x = Net(), torch.randn(8, 4)
    with gf.trace(model, x=x) as t:
        loss = model(x)
    return t, loss


@family
def scalar():
    x, w, b, y_ = (torch.tensor(number, requires_grad=True) for number in (2.0, 3.0, 1.0, 5.0))
    with gf.trace(x=x, w=w, b=b, y_=y_) as t:
        p = x * w
        y = p + b
        s = -y
        u = s + y_
        f = u**2
        t.name(p=p, y=y, s=s, t=u, f=f)
    return t, f


@family
def square():
    w = torch.tensor(3.0, requires_grad=True)
    with gf.trace(w=w) as t:
        loss = w * w
    return t, loss


@family
def writes_in_place():
    layer, x = nn.Linear(3, 3), torch.randn(5, 3)
    with gf.trace(layer=layer, x=x) as t:
        out = torch.zeros(5, 3)
        out[:, 0] = layer(x)[:, 0]
        out += layer(x)
        out.mul_(2)
        loss = out.sum()
    return t, loss


@family
def tied_autoencoder():
    w, x = torch.randn(4, 2, requires_grad=True), torch.randn(5, 4)
    with gf.trace(w=w, x=x) as t:
        loss = F.mse_loss(torch.relu(x @ w) @ w.T, x)
    return t, loss


@family
def metric_learning():
    net, a, p, n = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2)), *torch.randn(3, 5, 4)
    with gf.trace(net=net, a=a, p=p, n=n) as t:
        loss = F.triplet_margin_loss(net(a), net(p), net(n))
    return t, loss


@family
def detached_weight():
    layer, x = nn.Linear(3, 3), torch.randn(5, 3)
    with gf.trace(layer=layer, x=x) as t:
        frozen = F.linear(x, layer.weight.detach())
        loss = (layer(x) - frozen).abs().sum() * float(layer.bias.norm())
    return t, loss


@family
def flat_loop():
    w, x = torch.randn(3, 3, requires_grad=True), torch.randn(5, 3)
    with gf.trace(w=w, x=x) as t:
        h = x
        for _ in range(60):
            h = torch.tanh(h @ w)
        loss = h.mean()
    return t, loss
