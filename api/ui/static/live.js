// Says whether what a page shows is live: the connection is lost when the server is away, and comes back by itself;
// not so when the session is over, which the browser does not tell of an error: the address is asked once more.
const mark = (event, live) => event.target.closest("[data-live]")?.setAttribute("data-live", live);
const whether = async (event) => {
  const address = event.target.closest("[sse-connect]")?.getAttribute("sse-connect");
  if (!address) return;
  const enough = new AbortController();
  const answer = await fetch(address, { headers: { Accept: "text/event-stream" }, signal: enough.signal }).catch(() => null);
  if (answer?.status === 401) mark(event, "over");
  enough.abort();
};
// Not when it opens: the first thing told is the present state, and where that cannot be read nothing is.
document.addEventListener("htmx:sseMessage", (event) => mark(event, "yes"));
document.addEventListener("htmx:sseError", (event) => {
  if (!event.target.closest("[data-live=over]")) mark(event, "no");
  whether(event);
});
document.addEventListener("htmx:sseClose", (event) => mark(event, "no"));

// A table that was pushed aside, or a list that was read further down, stays so when its piece of the page is written anew.
let pushed = [];
document.addEventListener("htmx:sseBeforeMessage", (event) => {
  pushed = [...event.target.querySelectorAll(".wide[id]")].map((box) => [box.id, box.scrollLeft, box.scrollTop]);
});
document.addEventListener("htmx:sseMessage", () => {
  for (const [id, left, top] of pushed) document.getElementById(id)?.scrollTo({ left, top, behavior: "instant" });
});
