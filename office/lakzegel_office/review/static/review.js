// SPDX-License-Identifier: EUPL-1.2
// Single keys, for whoever wants them; everything works without (docs/spec/review.md §7).
"use strict";

const typing = (node) =>
  node.isContentEditable || (/^(input|select|textarea)$/i.test(node.tagName) && !/^(checkbox|radio)$/i.test(node.type));

const rows = () => Array.from(document.querySelectorAll("[data-row]"));

function move(step) {
  const all = rows();
  const at = all.findIndex((row) => row === document.activeElement);
  const next = all[at < 0 ? 0 : Math.min(Math.max(at + step, 0), all.length - 1)];
  if (next) {
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  }
}

function box() {
  const row = document.activeElement;
  if (!row.matches("[data-row]")) {
    return null;
  }
  return row.type === "checkbox" ? row : row.closest("tr").querySelector("input[type=checkbox]");
}

function act(node) {
  const form = node.form;
  if (form && form.id === "choice" && !document.querySelector("input[name=unit]:checked")) {
    const one = box();
    if (!one) {
      return;
    }
    one.checked = true;
  }
  node.click();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat || typing(event.target)) {
    return;
  }
  const found = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (found) {
    event.preventDefault();
    if (found.type === "search") {
      found.focus();
    } else {
      act(found);
    }
  } else if (event.key === "j" || event.key === "k") {
    event.preventDefault();
    move(event.key === "j" ? 1 : -1);
  } else if (event.key === "x" && box()) {
    event.preventDefault();
    box().checked = !box().checked;
  }
});
