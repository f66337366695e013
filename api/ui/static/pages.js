// What pages need of script beside htmx: questions before what cannot be undone, and copying an address.
// Not deferred: a button that is pressed while the page still loads must ask its question too.
document.addEventListener("submit", (event) => {
  const words = event.target.dataset.confirm;
  if (words) confirmOrStop(event, words);
});

// The server asks on a page of its own where a form does not say that somebody was asked here.
function confirmOrStop(event, words) {
  if (!window.confirm(words)) {
    event.preventDefault();
    return;
  }
  if (event.target.querySelector('input[name="confirmed"]')) return;
  const confirmed = document.createElement("input");
  Object.assign(confirmed, { type: "hidden", name: "confirmed", value: "yes" });
  event.target.append(confirmed);
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  if (navigator.clipboard) await navigator.clipboard.writeText(button.dataset.copy);
  else copySelected(button.parentElement.querySelector("input"));
  button.dataset.copied = "true";
  button.textContent = button.dataset.copiedLabel;
});

// Without HTTPS a browser offers no clipboard but this one.
function copySelected(field) {
  field.select();
  document.execCommand("copy");
}
