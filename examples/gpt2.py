"""GPT-2 small's shape, half of its blocks with LoRA, the other half trained in full."""

import torch
import torch.nn.functional as F
from torch import nn

import gradflow as gf

WIDTH, HEADS, BLOCKS, WORDS, LENGTH = 24, 2, 12, 50, 8


class Attention(nn.Module):
    def __init__(self, lora):
        super().__init__()
        self.c_attn = nn.Linear(WIDTH, 3 * WIDTH)
        self.c_proj = nn.Linear(WIDTH, WIDTH)
        if lora:
            self.lora_A = nn.Parameter(torch.randn(2, WIDTH) / 10)
            self.lora_B = nn.Parameter(torch.zeros(3 * WIDTH, 2))
        self.lora = lora

    def forward(self, x):
        qkv = self.c_attn(x)
        if self.lora:
            qkv = qkv + F.linear(F.linear(x, self.lora_A), self.lora_B)
        q, k, v = (part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in qkv.split(WIDTH, -1))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(y.transpose(1, 2).flatten(-2))


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.c_fc = nn.Linear(WIDTH, 4 * WIDTH)
        self.c_proj = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x)))


class Block(nn.Module):
    def __init__(self, lora):
        super().__init__()
        self.ln_1 = nn.LayerNorm(WIDTH)
        self.attn = Attention(lora)
        self.ln_2 = nn.LayerNorm(WIDTH)
        self.mlp = MLP()
        if lora:
            for layer in (self.attn.c_attn, self.attn.c_proj):
                layer.requires_grad_(False)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Embed(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte = nn.Embedding(WORDS, WIDTH)
        self.wpe = nn.Embedding(LENGTH, WIDTH)

    def forward(self, ids):
        return self.wte(ids) + self.wpe(torch.arange(ids.shape[-1]))


class GPT2(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = Embed().requires_grad_(False)
        self.h = nn.ModuleList(Block(lora=block < BLOCKS // 2) for block in range(BLOCKS))
        self.ln_f = nn.LayerNorm(WIDTH)
        self.lm_head = nn.Linear(WIDTH, WORDS, bias=False)
        self.lm_head.weight = self.embed.wte.weight

    def forward(self, ids):
        x = self.embed(ids)
        for block in self.h:
            x = block(x)
        return self.lm_head(self.ln_f(x))


def figure(**options):
    torch.manual_seed(0)
    model, ids = GPT2(), torch.randint(WORDS, (2, LENGTH))
    with gf.trace(model, ids=ids) as t:
        logits = model(ids)
        loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
    return gf.draw(t.flow(loss), **{"width": 900, **options})
