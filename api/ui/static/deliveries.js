// The list of unknown messages: tick all, say how many are ticked, and ask before they are settled.
document.addEventListener("DOMContentLoaded", () => {
  const form = document.getElementById("settle");
  if (!form) return;
  const ticks = [...document.querySelectorAll('input[form="settle"][name="id"]')];
  const every = document.getElementById("every");
  const ticked = () => ticks.filter((tick) => tick.checked).length;

  const tell = () => {
    const count = ticked();
    every.checked = count === ticks.length;
    every.indeterminate = count > 0 && count < ticks.length;
    form.querySelector("output").value = count ? form.dataset.ticks.replace("{count}", count) : "";
  };

  every.addEventListener("change", () => {
    for (const tick of ticks) tick.checked = every.checked;
    tell();
  });
  for (const tick of ticks) tick.addEventListener("change", tell);

  form.addEventListener("submit", (event) => {
    const count = ticked();
    if (count === 0) {
      form.querySelector("output").value = form.dataset.none;
      event.preventDefault();
      return;
    }
    const action = event.submitter.value;
    const words = form.getAttribute(`data-${action}-${count === 1 ? "one" : "many"}`);
    if (!window.confirm(words.replace("{count}", count))) event.preventDefault();
  });
  tell(); // a browser that comes back keeps what was ticked
});
