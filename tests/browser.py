"""Headless Chromium for tests and pictures, where there is one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE_MS = 120_000
"""A page is drawn without a graphics card, maybe beside other work."""
_OPTIONS = (
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium() -> str | None:
    """Path of an installed Chromium or Chrome."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def browser() -> Iterator[Any]:
    """A Playwright browser that draws WebGL in software."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium(), args=list(_OPTIONS))
        try:
            yield made
        finally:
            made.close()


@contextmanager
def opened(made: Any, page: Path, size: tuple[int, int], *, before: str = "", **options: Any) -> Iterator[Any]:
    """A page from disk, without a network, when it is drawn; nothing moves by itself.

    `before` is a script that runs ahead of the page's own. What the page says on the console, throws, or asks for
    beside itself is collected in its `complaints`.
    """
    width, height = size
    settings = {"reduced_motion": "reduce", "color_scheme": "light", "offline": True, **options}
    context = made.new_context(viewport={"width": width, "height": height}, **settings)
    tab = context.new_page()
    tab.set_default_timeout(PATIENCE_MS)
    tab.add_init_script(before)
    tab.complaints = []
    tab.on("console", lambda message: tab.complaints.append(f"{message.type}: {message.text}"))
    tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
    tab.on("request", lambda request: request.url == page.as_uri() or tab.complaints.append(request.url[:200]))
    try:
        tab.goto(page.as_uri())
        tab.wait_for_function("window.face2mesh || !document.getElementById('notice').hidden")
        yield tab
    finally:
        context.close()
