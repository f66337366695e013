"""Where things stand on a page, and whether the browser saw anything move."""

from playwright.async_api import Page

Places = dict[str, tuple[float, float]]

_WATCH = """() => {
  window.moves = [];
  window.noteMoves = (entries) => window.moves.push(...entries.map((entry) => ({
    at: entry.startTime,
    what: entry.sources.map((source) => source.node?.outerHTML?.slice(0, 120) ?? source.node?.textContent),
  })));
  window.mover = new PerformanceObserver((list) => window.noteMoves(list.getEntries()));
  window.mover.observe({ type: "layout-shift", buffered: true });
  window.watchedFrom = performance.now();
}"""
_MOVES = """async () => {
  for (let frame = 0; frame < 3; frame += 1) await new Promise((go) => requestAnimationFrame(go));
  window.noteMoves(window.mover.takeRecords());
  return window.moves.filter((move) => move.at >= window.watchedFrom).map((move) => move.what);
}"""
_PLACES = """(landmarks) => landmarks.map((landmark) => {
  const box = document.querySelector(landmark).getBoundingClientRect();
  return [Math.round(10 * (box.left + scrollX)) / 10, Math.round(10 * (box.top + scrollY)) / 10];
})"""


async def places(page: Page, landmarks: tuple[str, ...]) -> Places:
    """Left and top of each landmark (a selector), in pixels of the whole page."""
    found = await page.evaluate(_PLACES, list(landmarks))
    return {landmark: (left, top) for landmark, (left, top) in zip(landmarks, found, strict=True)}


async def watch_moves(page: Page) -> None:
    """From now on the browser keeps what it sees move. It looks at the part of the page that is in view."""
    await page.evaluate(_WATCH)


async def moves(page: Page) -> list[list[str | None]]:
    """What moved since then."""
    found: list[list[str | None]] = await page.evaluate(_MOVES)
    return found


async def moves_are_seen(page: Page) -> bool:
    """Whether the browser would have told: pushes the whole page down and looks."""
    await page.evaluate("document.querySelector('h1').style.marginTop = '80px'")
    return await moves(page) != []
