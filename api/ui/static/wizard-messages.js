// Which variant of Message 1 was written in last.
let variant = "variant_text_0";
document.addEventListener("focusin", (event) => {
  if (event.target.matches(".wizard-variants textarea")) variant = event.target.id;
});

// The editors of messages: a click on a variable puts it where the caret is, and the preview follows as if it was typed.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-insert]");
  if (!button) return;
  const editor = document.getElementById(button.dataset.into || variant);
  editor.setRangeText(button.dataset.insert, editor.selectionStart, editor.selectionEnd, "end");
  editor.focus();
  editor.dispatchEvent(new Event("input", { bubbles: true }));
});

// The arrows are drawn anew with each contact: whoever pressed one by key presses it again without looking for it.
document.addEventListener("htmx:afterSwap", (event) => {
  const pressed = event.detail.requestConfig?.elt?.id;
  if (pressed?.startsWith("contact-")) document.getElementById(pressed)?.focus();
});

// What was sent and not answered yet may be kept already: the page says so with whatever it sends next, or its own text
// would pass for somebody else's. An answer says what is kept, and then there is nothing left to say.
const UNANSWERED_KEPT = 8;

document.addEventListener("htmx:beforeSend", (event) => {
  if (event.detail.elt.id !== "preview") return;
  const form = document.getElementById("messages");
  const fields = new URLSearchParams(new FormData(form));
  for (const name of ["csrf", "shown", "seen", "sent"]) fields.delete(name);
  const sent = document.createElement("input");
  Object.assign(sent, { type: "hidden", name: "sent", value: fields.toString() });
  form.append(sent);
  const unanswered = [...form.querySelectorAll('input[name="sent"]')];
  for (const old of unanswered.slice(0, -UNANSWERED_KEPT)) old.remove();
});

document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.elt.id !== "preview" || !event.detail.successful) return;
  for (const sent of document.querySelectorAll('#messages input[name="sent"]')) sent.remove();
});
