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
