"""A real browser for tests of pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser without a window; where there is none the test is skipped, and fails under CI=true."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        missing = f"no browser: install chromium (looked for {', '.join(NAMES)})"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(QUIET))
        yield browser
        browser.close()


def document(*bodies: str) -> str:
    """A page with these pieces of HTML on it."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Figures</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1"></head>'
        f'<body style="margin:12px"><main><h1>Figures</h1>{"<p>and</p>".join(bodies)}</main></body></html>'
    )


class Reader:
    """Opens pages from a folder, and keeps what went wrong: errors, messages, requests that leave the machine."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self.browser, self.folder = browser, folder
        self.troubles: list[str] = []
        self.contexts: list[Any] = []

    def open(self, *bodies: str, width: int = 780, height: int = 900, **options: Any) -> Page:
        """A page with these pieces of HTML on it, in a window of its own."""
        file = self.folder / f"page{len(self.contexts)}.html"
        file.write_text(document(*bodies), encoding="utf-8")
        page = self.visit(width=width, height=height, **options)
        page.goto(file.as_uri())
        return page

    def visit(self, width: int = 780, height: int = 900, **options: Any) -> Page:
        """An empty window."""
        context = self.browser.new_context(viewport={"width": width, "height": height}, **options)
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("dialog", lambda dialog: (self.troubles.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: self._check(request.url))
        return page

    def _listen(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(message.text)

    def _check(self, url: str) -> None:
        if not url.startswith(("file:", "data:")):
            self.troubles.append(f"a request to {url}")

    def close(self) -> None:
        """Close the windows; what went wrong stays."""
        for context in self.contexts:
            context.close()


def faults(page: Page) -> list[str]:
    """What axe finds wrong with a page, by element."""
    report = Axe().run(page, options={"preload": False}).response  # style sheets of files cannot be fetched
    return [f"{rule['id']}: {node['target']}" for rule in report["violations"] for node in rule["nodes"]]
