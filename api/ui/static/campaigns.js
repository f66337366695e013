// Says whether what a page shows is live: the connection is lost when the server is away, and comes back by itself.
const mark = (event, live) => event.target.closest("[data-live]")?.setAttribute("data-live", live);
document.addEventListener("htmx:sseOpen", (event) => mark(event, "yes"));
document.addEventListener("htmx:sseError", (event) => mark(event, "no"));
document.addEventListener("htmx:sseClose", (event) => mark(event, "no"));

// A table that was pushed aside on a narrow screen stays so when its piece of the page is written anew.
let pushed = [];
document.addEventListener("htmx:sseBeforeMessage", (event) => {
  pushed = [...event.target.querySelectorAll(".wide[id]")].map((box) => [box.id, box.scrollLeft]);
});
document.addEventListener("htmx:sseMessage", () => {
  for (const [id, left] of pushed) document.getElementById(id)?.scrollTo({ left, behavior: "instant" });
});
