// The audience: the head of a chosen or dropped file is shown as the server reads it; then the file is sent whole.
(() => {
  const HEAD_BYTES = 256 * 1024;
  const form = document.getElementById("audience");
  const [file, look, taken, send, sending] = ["file", "look", "taken", "send", "sending"].map((id) => document.getElementById(id));
  const drop = form.querySelector(".wizard-drop");
  const headers = { ...JSON.parse(document.body.getAttribute("hx-headers")), "HX-Request": "true" };
  let asked = 0;

  const mapping = () => {
    const chosen = [...look.querySelectorAll("[data-column]")].map((one) => [one.dataset.column, one.value]);
    return chosen.length ? JSON.stringify(Object.fromEntries(chosen)) : "";
  };

  const body = (content) => {
    const made = new FormData();
    made.append("file", content, file.files[0].name);
    for (const [name, value] of [["mapping", mapping()], ["encoding", form.encoding.value], ["default_region", form.default_region.value]]) {
      if (value) made.append(name, value);
    }
    return made;
  };

  const put = (place, text) => { place.innerHTML = text; };

  const lost = (place) => {
    const said = document.createElement("div");
    said.className = "alert alert-danger";
    said.textContent = form.dataset.lost;
    place.replaceChildren(said);
  };

  // A session that is over sends to sign in; what concerns the whole page goes where notices stand.
  const answered = (status, header, text, place) => {
    if (header("HX-Redirect")) window.location.assign(header("HX-Redirect"));
    else put(header("HX-Retarget") ? document.querySelector(header("HX-Retarget")) : place, text);
    return status < 400;
  };

  const show = async () => {
    const chosen = file.files[0];
    if (!chosen) return;
    const mine = ++asked;
    const focused = document.activeElement?.dataset?.column;
    send.disabled = true;
    try {
      const answer = await fetch(`${form.dataset.address}/look`, { method: "POST", headers, body: body(chosen.slice(0, HEAD_BYTES)) });
      const text = await answer.text();
      if (mine !== asked) return;
      const good = answered(answer.status, (name) => answer.headers.get(name), text, look);
      send.disabled = !good || !look.querySelector("#preview-rows");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      lost(look);
    }
    if (focused) look.querySelector(`[data-column="${CSS.escape(focused)}"]`)?.focus();
  };

  const fresh = () => {
    look.replaceChildren();
    taken.replaceChildren();
    show();
  };

  file.addEventListener("change", fresh);
  show(); // of a file that was chosen before this script was there, or that the browser kept
  form.addEventListener("change", (event) => { if (event.target !== file) show(); });
  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => { event.preventDefault(); drop.dataset.over = "true"; });
  }
  for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => delete drop.dataset.over);
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (!event.dataTransfer.files.length) return;
    file.files = event.dataTransfer.files;
    fresh();
  });
  // A file that misses the place must not replace the page.
  for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => event.preventDefault());

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!file.files[0]) return;
    const request = new XMLHttpRequest();
    const bar = sending.querySelector("progress");
    const over = () => { sending.hidden = true; send.disabled = false; };
    request.open("POST", `${form.dataset.address}/contacts`);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => {
      // Sent whole is not yet taken in: the bar goes to and fro until the answer.
      if (event.loaded < event.total) bar.value = event.loaded / event.total;
      else bar.removeAttribute("value");
    });
    request.addEventListener("load", () => {
      over();
      const good = answered(request.status, (name) => request.getResponseHeader(name), request.responseText, taken);
      if (good) {
        look.replaceChildren();
        send.disabled = true;
        form.reset();
      }
      taken.scrollIntoView({ block: "nearest" });
    });
    for (const kind of ["error", "abort"]) request.addEventListener(kind, () => { over(); lost(taken); });
    send.disabled = true;
    bar.value = 0;
    sending.hidden = false;
    request.send(body(file.files[0]));
  });
})();
