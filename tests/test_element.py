"""The piece of HTML that holds a figure, what its cards say, and its steps."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
import torch
from graphs import HOSTILE, chain, dead, every_flow, hostile, nan, square, tower, two_losses, undefined
from standin import html

import gradflow as gf
from gradflow.flow import Flow
from gradflow.graph import Edge
from gradflow.picture.bundle import bundle, compact_style, modules, source
from gradflow.picture.element import fragment, script
from gradflow.picture.payload import payload
from gradflow.picture.sketch import Cell, Leaf, Sketch, Wire
from gradflow.picture.steps import Step, steps
from gradflow.picture.wording import key
from gradflow.roster import explanations


class Outline(HTMLParser):
    """The elements of a piece of HTML, and the text of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.cdata_elem == "script":
            self.scripts[-1] += data


def scalar() -> Flow:
    """(wx + b − y)² as numbers."""
    x, w, b, y_ = (torch.tensor(number, requires_grad=True) for number in (2.0, 3.0, 1.0, 5.0))
    with gf.trace(x=x, w=w, b=b, y_=y_) as t:
        p = w * x
        y = p + b
        s = -y
        r = s + y_
        f = r**2
    t.name(p=p, y=y, s=s, t=r, f=f)
    return t.flow(f)


def data_of(flow: Flow, **options):
    return payload(flow.graph, {"loss": flow}, explanations(flow), **options)


def row(rows, *start):
    return next(one for one in rows if tuple(one[: len(start)]) == start)


def test_fragment_holds_each_picture_once():
    """The wide picture is the image, the narrow one serves narrow windows; both come back as they were."""
    narrow, wide = "<svg>n</svg>", """<svg id="#1" name='"'>∅ 100% &lt; it's</svg>"""
    text = fragment(label="l", pictures=[(420, narrow), (720, wide)], table=[], data={})
    elements = dict(Outline(text).elements)

    assert ("420", "(max-width: 683px)") == (elements["source"]["width"], elements["source"]["media"])
    assert narrow == unquote(elements["source"]["srcset"].partition(",")[2])
    assert "720" == elements["img"]["width"]
    assert wide == unquote(elements["img"]["src"].partition(",")[2])
    assert " " not in elements["source"]["srcset"]
    assert "details" not in elements


def test_fragment_holds_no_picture_twice():
    """A picture that is as narrow as it gets serves every width."""
    text = fragment(label="l", pictures=[(400, "<a/>"), (400, "<b/>")], table=[], data={})

    assert ["img"] == [tag for tag, _ in Outline(text).elements if tag in ("source", "img")]
    assert ",<a/>" in text


def test_fragment_is_one_element_and_its_code():
    """Two scripts, data and code, no ids, no addresses but those of the data URIs."""
    text = html(scalar(), stepped=True)
    outline = Outline(text)

    assert [{"type": "application/json"}, {}] == [a for tag, a in outline.elements if tag == "script"]
    assert script() == outline.scripts[1]
    assert not any("id" in attributes for _, attributes in outline.elements)
    assert {"http://www.w3.org/2000/svg"} == set(re.findall(r"https?://[^\s\"'<>]+", text))
    assert text == html(scalar(), stepped=True)


@pytest.mark.parametrize("name", [*HOSTILE, "</script><img src=x onerror=alert(1)>", "<!--<script>", "&lt;", "\u2028"])
def test_no_name_leaves_its_place(name):
    """A name stands in the label, the table, the data and the steps, and is markup in none of them."""
    step = Step((0, Edge(0, 1, 2)), name, name)
    drawn = f'<svg><g class="wire" data-key="0.1.2"/>{name}</svg>'
    text = fragment(label=name, pictures=[(9, drawn)], table=[(name,), (name, name)], data={name: [name]}, steps=[step])
    outline = Outline(text)
    tags = "gf-figure picture img details summary table thead tr th tbody tr th td script script"

    assert tags.split() == [tag for tag, _ in outline.elements]
    stored = json.loads(outline.scripts[0])
    readable = name.encode("utf-8", "replace").decode()
    assert {readable: [readable], "steps": [[["0", "0.1.2"], readable, readable]]} == stored
    assert text.encode("utf-8").decode() == text
    assert "\u202e" not in dict(outline.elements)["img"]["alt"]


def test_script_stays_what_it_is():
    """Only imports, comments, white space, and what needs no semicolon or bracket, are left out of the modules."""
    written = "".join(map(source, modules("element.js")))
    code = re.sub(r"/\*(?:.|\n)*?\*/|(?m:^|\s)// .*|(?m:^import .*$)|(?m:^export (?:\{\};)?)", "", written)
    styled = re.sub(r'"(\w+\.css)"', lambda found: json.dumps(compact_style(found[1])), code)
    start, end = '(()=>{if(customElements.get("gf-figure"))return;', "})();"

    assert squeezed(start + styled + end) == squeezed(script())
    assert not re.search(r"/\*\*|^\s*//|^\s|^import|^export", script(), re.MULTILINE)
    assert "data:image/svg+xml" not in script()


@pytest.mark.parametrize("entry", ["element.js", "choice.js", "more_export.js", "more_numbers.js", "more_puzzle.js"])
def test_modules_share_one_scope(entry):
    """No name stands in two modules: a later one would silently take the place of the first."""
    names = [name for module in modules(entry) for name in DEFINED.findall(source(module))]

    assert sorted(set(names)) == sorted(names)
    assert all(name in bundle(entry, "0") for name in names)
    assert len(names) > (10 if entry == "element.js" else 1)


DEFINED = re.compile(r"^(?:export )?(?:async )?(?:function|const|let|class) (\w+)", re.MULTILINE)


def squeezed(code: str) -> str:
    return re.sub(r"(?<![\w$])\((\w+)\)=>", r"\1=>", re.sub(r"\s|;(?=\s*})", "", code))


def test_payload_says_what_a_card_says():
    """Name, state, size and line of a line and of a square; a sentence for what got nothing."""
    data = data_of(chain())

    assert ["loss", 12, "reached", "gradient 1"] == data["losses"][0]
    assert [0, "a.weight", "shape (5, 3) · f32"] == data["values"][0]
    assert "output of detach" == row(data["values"], 9)[1]
    assert [9, 2, 0, "none", "no gradient", ""] == row(data["edges"], 9, 2, 0)
    assert [11, 4, 0, "nonzero", "reached", "norm 0.6124 · support 8/8"] == row(data["edges"], 11, 4, 0)
    size = "norm 0.4182 · support 10/10"
    assert [2, "nonzero", "reached", size, "RECEIVED", "", "net.py:20", 2] == row(data["parameters"], 2)
    *_, reason, why, source, op = row(data["parameters"], 0)
    assert ("DETACHED", "net.py:18", 0) == (reason, source, op)
    assert "Gets no gradient: detach at net.py:19 cuts its way from the loss." == why
    assert ["UNUSED", "", -1] == [row(data["parameters"], 5)[index] for index in (4, 6, 7)]


@pytest.mark.parametrize(
    ("flow", "edge", "said"),
    [
        (dead(), (0, 0, 0), "exactly 0"),
        (nan(), (0, 0, 0), "NaN or inf"),
        (undefined(), (0, 0, 0), "None was sent"),
    ],
    ids=["dead", "nan", "undefined"],
)
def test_payload_tells_states_apart(flow, edge, said):
    """Zero, NaN and None each have their words."""
    assert said == row(data_of(flow)["edges"], *edge)[4]


def test_payload_tells_losses_apart():
    """With two losses each line says which of them reached it."""
    task, penalty = two_losses()
    data = payload(task.graph, {"task": task, "penalty": penalty}, {})

    assert ["", "task: norm 2.25 · support 2/2\npenalty: no gradient"] == row(data["edges"], 1, 1, 1)[4:]
    assert "nonzero nonzero" == row(data["edges"], 0, 0, 0)[3]


def test_payload_without_a_flow():
    """A graph alone has no states, and still has cards."""
    graph = chain().graph
    data = payload(graph, {}, {})

    assert [] == data["losses"]
    assert [6, 0, 0, "", "", ""] == row(data["edges"], 6, 0, 0)


def test_payload_of_a_big_graph_holds_what_is_drawn():
    """What lies inside a closed module is left out of a big graph, and of no small one."""
    flow = tower(30)
    edge = Edge(flow.output, 0, 0)._replace(value=flow.graph.ops[-1].inputs[0], op=len(flow.graph.ops) - 1)
    cells = (
        Cell(0, "module", "h", ops=tuple(range(120)), squares=(0, 1)),
        Cell(1, "op", "sum", ops=(120,), leaves=(Leaf(60, "input", "x", ()),)),
    )
    sketch = Sketch(cells, (), (Wire(edge.value, 0, 1, (edge,)),))
    data = data_of(flow, sketch=sketch)

    assert [120] == [op[0] for op in data["ops"]]
    assert [[*edge]] == [one[:3] for one in data["edges"]]
    assert [0, 1, 60, edge.value] == [value[0] for value in data["values"]]
    assert [0, 1] == [parameter[0] for parameter in data["parameters"]]
    assert len(flow.graph.ops) == len(data_of(flow, sketch=sketch, most=1000)["ops"])
    narrow = Sketch((Cell(0, "op", "add", ops=(119,)), Cell(1, "module", "h", squares=(2,))), (), ())
    many = Sketch((Cell(0, "module", "h", squares=tuple(range(50))),), (), ())
    assert [] == data_of(flow, sketch=many)["parameters"]  # so many squares are not drawn
    data = data_of(flow, sketch=sketch, also=[narrow])
    assert ([119, 120], [0, 1, 2]) == ([op[0] for op in data["ops"]], [one[0] for one in data["parameters"]])


@pytest.mark.parametrize("flow", every_flow().values(), ids=every_flow())
def test_every_payload_is_json(flow):
    """NaN, inf and names of all kinds: what comes back is what was given."""
    data = data_of(flow)

    assert json.loads(json.dumps(data, allow_nan=False)) == data


def test_steps_follow_the_engine():
    """One step for each value, in the order of arrival, with the line that brought it."""
    flow = scalar()
    told = steps(flow)

    assert ["f", "t", "y_", "s", "y", "b", "p", "w", "x"] == [step.label for step in told]
    assert "The op − hands on ∂f/∂s times its factor: −4 × (−1) = 4." == told[4].sentence
    assert [key for key, _ in flow.arrivals] == sorted(
        (key for step in told for key in step.keys), key=[key for key, _ in flow.arrivals].index
    )
    assert len(flow.arrivals) == sum(len(step.keys) for step in told)


def test_steps_add_up_shares():
    """A value that is used twice gets the sum, once both shares are there."""
    told = steps(square())

    assert ["p", "w"] == [step.label for step in told]
    assert (Edge(0, 0, 0), Edge(0, 0, 1), 0) == told[1].keys
    assert "2 shares meet here: 3 + 3 = 6." == told[1].sentence


@pytest.mark.parametrize(
    ("flow", "sentence"),
    [
        (chain(), "The op linear sends back a gradient of norm 0.4182."),
        (dead(), "The op relu received a gradient and sends back exactly 0."),
        (nan(), "The op log sends back a gradient with NaN or inf."),
        (undefined(), "The op Stop sends back None."),
        (hostile(), "A gradient of norm 1 arrives."),
    ],
    ids=["chain", "dead", "nan", "undefined", "hostile"],
)
def test_steps_say_what_was_sent(flow, sentence):
    """Norm, zero, NaN and None; what was not seen on an edge only arrives."""
    assert sentence in [step.sentence for step in steps(flow)]


def test_no_equation_is_wrong():
    """What is rounded is said to be about equal: both sides of every = are equal as they are written."""
    torch.manual_seed(0)
    a, b = (torch.rand((), requires_grad=True) for _ in range(2))
    with gf.trace(a=a, b=b) as t:
        loss = ((a * b).sin() + a / b + a * a * a).tanh()
    sentences = [step.sentence for step in steps(t.flow(loss))]
    equations = [s.rpartition(": ")[2].rstrip(".").replace("−", "-").replace("×", "*") for s in sentences if ": " in s]

    assert {"=", "≈"} == {sign for equation in equations for sign in equation if sign in "=≈"}
    for equation in equations:
        left, sign, right = re.split(" ([=≈]) ", equation)
        assert (sign == "=") == (pytest.approx(eval(left), rel=1e-9) == float(right))
        assert pytest.approx(eval(left), rel=2e-3) == float(right)


def test_a_hook_is_no_factor():
    """Where a hook changes the gradient no factor of the op is made up."""
    w = torch.tensor(2.0, requires_grad=True)
    with gf.trace(w=w) as t:
        h = w * 3
        h.register_hook(lambda gradient: gradient * 10)
        loss = h * 1
    t.name(h=h, loss=loss)
    told = {step.label: step.sentence for step in steps(t.flow(loss))}

    assert "10 arrives." == told["h"]
    assert "The op × hands on ∂loss/∂h times its factor: 10 × 3 = 30." == told["w"]


def test_steps_have_the_names_of_the_picture():
    """A value without a name can be given one."""
    flow = square()

    assert ["p", "weight"] == [step.label for step in steps(flow, {0: "weight"})]


def test_steps_of_a_big_figure_each_show_something():
    """A step inside closed modules would change nothing in the picture; the last one completes it."""
    flow = tower(30)
    outline = Outline(gf.animate(flow).html())
    told = json.loads(outline.scripts[0])["steps"]
    pictures = [unquote(attributes.get("src") or attributes.get("srcset") or "") for _, attributes in outline.elements]
    keys = set(re.findall(r' data-key="([^"]*)"', " ".join(pictures)))

    assert 0 < len(told) < len(steps(flow))
    assert [] == [label for shown, label, *_ in told if keys.isdisjoint(shown)]
    reached = {key(one) for one, arrival in flow.arrivals if arrival.arrived}
    assert set() == (keys & reached) - {one for shown, *_ in told for one in shown}
