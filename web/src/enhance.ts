// htmx, bundled: forms and lists work without it; with it they change in place.
import "./keys";
import { picker } from "./combobox";
import htmx from "htmx.org";

htmx.config.allowEval = false;
htmx.config.includeIndicatorStyles = false;
htmx.config.allowScriptTags = false;
htmx.config.selfRequestsOnly = true;
htmx.config.historyCacheSize = 0;

/** Ask before a form that cannot be undone is sent: `<form data-confirm="…">`. */
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form instanceof HTMLFormElement && form.dataset["confirm"] && !window.confirm(form.dataset["confirm"])) {
    event.preventDefault();
  }
});

/** Copy a secret that is shown once: `<button data-copy="id of the element">`. */
document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-copy]") : null;
  const source = button?.dataset["copy"] ? document.getElementById(button.dataset["copy"]) : null;
  if (button && source) {
    void navigator.clipboard.writeText(source.textContent ?? "").then(() => {
      button.textContent = button.dataset["copied"] ?? button.textContent;
    });
  }
});
for (const button of document.querySelectorAll<HTMLElement>("[data-copy]")) button.hidden = !navigator.clipboard;

// A long list of names becomes a field that finds them: `<input data-pick-from="Type">`.
const upgrade = (): void => {
  for (const field of document.querySelectorAll<HTMLInputElement>("input[data-pick-from]:not([type=hidden])")) picker(field);
};
upgrade();
document.addEventListener("htmx:afterSettle", upgrade);
