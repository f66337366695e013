// The list of unknown messages: tick all, say how many are ticked, and ask before they are settled.
// Not deferred: a button that is pressed while the page still loads must ask its question too.
const ticks = () => [...document.querySelectorAll('input[form="settle"][name="id"]')];
const ticked = () => ticks().filter((tick) => tick.checked).length;

function tellTicked() {
  const form = document.getElementById("settle");
  if (!form) return;
  const every = document.getElementById("every");
  const count = ticked();
  every.checked = count === ticks().length;
  every.indeterminate = count > 0 && !every.checked;
  form.querySelector("output").value = count ? form.dataset.ticks.replace("{count}", count) : "";
}

document.addEventListener("change", (event) => {
  if (event.target.id === "every") for (const tick of ticks()) tick.checked = event.target.checked;
  tellTicked();
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("#settle")) return; // form.id would be the field of that name
  const count = ticked();
  if (count === 0) {
    form.querySelector("output").value = form.dataset.none;
    event.preventDefault();
    return;
  }
  const words = form.getAttribute(`data-${event.submitter.value}-${count === 1 ? "one" : "many"}`);
  confirmOrStop(event, words.replace("{count}", count));
});

document.addEventListener("DOMContentLoaded", tellTicked); // a browser that comes back keeps what was ticked
