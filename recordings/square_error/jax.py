"""Nine values and nine gradients, before and after one step of all."""

import jax

NAMES = ("x", "w", "b", "p", "y", "y_", "s", "t", "f")


def forward(nudge, x, w, b, y_):
    """JAX differentiates by arguments: so each value gets one, a zero."""
    x, w = x + nudge["x"], w + nudge["w"]
    b, y_ = b + nudge["b"], y_ + nudge["y_"]
    p = w * x + nudge["p"]
    y = p + b + nudge["y"]
    s = -y + nudge["s"]
    t = s + y_ + nudge["t"]
    f = t * t + nudge["f"]
    return f, dict(x=x, w=w, b=b, p=p, y=y, y_=y_, s=s, t=t, f=f)


recorded = {}
leaves = {"x": 2.0, "w": 3.0, "b": 1.0, "y_": 5.0}
for moment in ("before", "after"):
    still = dict.fromkeys(NAMES, 0.0)
    gradient, value = jax.grad(forward, has_aux=True)(still, **leaves)
    for what, found in [("values", value), ("gradients", gradient)]:
        numbers = {name: float(found[name]) for name in NAMES}
        recorded[f"{what} {moment}"] = numbers
    leaves = {name: leaves[name] - 1.0 * gradient[name] for name in leaves}
