// Says whether what a page shows is live: the connection is lost when the server is away, and comes back by itself.
const mark = (event, live) => event.target.closest("[data-live]")?.setAttribute("data-live", live);
document.addEventListener("htmx:sseOpen", (event) => mark(event, "yes"));
document.addEventListener("htmx:sseError", (event) => mark(event, "no"));
document.addEventListener("htmx:sseClose", (event) => mark(event, "no"));
