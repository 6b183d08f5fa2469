"""A figure in which a reader chooses one of several flows."""

from __future__ import annotations

import re

import pytest
from graphs import chain, two_losses

from gradflow.choice import checked_choice
from gradflow.draw import choose, draw, grid
from gradflow.errors import GradflowError
from gradflow.picture.element import script


def example():
    task, penalty = two_losses()
    return {("with", 1): task, ("with", 2): penalty, ("without", 1): chain()}


def test_options():
    """Each part of the keys is a question, with its answers in the order given; all of them are a grid."""
    choice = checked_choice(example(), ("cut", "mode"))

    assert (("with", "without"), ("1", "2")) == (choice.options(0), choice.options(1))
    assert (("with", "without"), ("1", "2")) == (choice.grid.rows, choice.grid.columns)


def test_three_questions():
    """More than two questions share the rows."""
    flow = chain()
    choice = checked_choice({("a", "b", "c"): flow, ("a", "d", "c"): flow})

    assert (("choice 1", "choice 2", "choice 3"), ("a, b", "a, d")) == (choice.labels, choice.grid.rows)


def test_everything_is_in_the_page_once():
    """The page holds all of them together, each of them in a template, and the code once."""
    figure = choose(example(), labels=("cut", "mode"))
    html = figure.html()

    assert 3 == html.count("<template><gf-figure") == html.count("</gf-figure></template>")
    assert 1 == html.count(script())
    assert '"states":[[0,0],[0,1],[1,0]]' in html
    assert grid({tuple(map(str, key)): flow for key, flow in example().items()}).svg() == figure.svg()


def test_nothing_moves_between_flows_of_a_trace():
    """Pictures of one trace have the same losses at the same places."""
    html = choose(example()).html()
    first, second, _ = re.findall(r"<template>(.*?)</template>", html, re.S)

    def places(page):
        return re.findall(r"viewBox=%22([\d. ]+|[^%]+(?:%20[^%]+)*)%22|viewBox=\"([^\"]+)\"", page)

    assert places(first) == places(second) != []


def test_text():
    """The text has the verdict of each."""
    text = choose(example()).text()
    assert draw(chain()).text().splitlines()[0][:20] in text
    assert 3 == len(re.findall("parameters? reached", text))


@pytest.mark.parametrize(
    ("flows", "labels", "message"),
    [
        ({}, None, "choose() takes flows by what is chosen, but got none. For example:"),
        (3, None, "but got int. For example:"),
        ({("a", "b"): chain(), "c": chain()}, None, "takes keys of one length, but got ('a', 'b'), 'c'"),
        ({(): chain()}, None, "takes keys of one length, but got ()"),
        ({"a": chain().graph}, None, "choose() got Graph at 'a'; expected a Flow"),
        ({1: chain(), "1": chain()}, None, "two keys that read the same"),
        ({"a": chain()}, ("x", "y"), "labels= has 2 texts, but the keys have 1 parts"),
        ({"a": chain()}, 3, "labels= takes a text for each part of the keys, but got 3"),
        ({"a": chain()}, (3,), "labels= takes a text for each part of the keys, but got (3,)"),
    ],
)
def test_bad_input(flows, labels, message):
    """The message says what was given and what was expected."""
    with pytest.raises(GradflowError, match=re.escape(message)):
        choose(flows, labels=labels)
