// A text field that offers candidates while one types: the pattern "editable combobox with list" of the WAI-ARIA guide.

/** id, name, note, and whatever else the address answers. */
export type Row = [string, string, string, ...unknown[]];

interface Options {
  url: string;
  nothing: string;
  choose: (row: Row) => void;
}

const PAUSE_MS = 180;
let made = 0;

/** Make a field offer what `url?q=` answers. */
export function combobox(field: HTMLInputElement, options: Options): void {
  const list = document.createElement("ul");
  list.className = "candidates";
  list.id = `candidates-${++made}`;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", field.getAttribute("aria-label") ?? field.labels?.[0]?.textContent?.trim() ?? "");
  list.hidden = true;
  const frame = document.createElement("span");
  frame.className = "candidates-frame";
  field.before(frame);
  frame.append(field, list);
  for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id, autocomplete: "off" })) {
    field.setAttribute(name, value);
  }
  let rows: Row[] = [];
  let at = -1;
  let timer: number | undefined;
  let asked = 0;

  const close = (): void => {
    list.hidden = true;
    at = -1;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  };
  const choose = (row: Row): void => {
    field.value = row[1];
    close();
    options.choose(row);
  };
  const move = (to: number): void => {
    const items = list.querySelectorAll<HTMLElement>("[role=option]");
    if (!items.length) return;
    items[at]?.setAttribute("aria-selected", "false");
    at = (to + items.length) % items.length;
    const item = items[at];
    item?.setAttribute("aria-selected", "true");
    item?.scrollIntoView({ block: "nearest" });
    if (item) field.setAttribute("aria-activedescendant", item.id);
  };
  const draw = (): void => {
    list.replaceChildren(
      ...rows.map((row, i) => {
        const item = document.createElement("li");
        item.id = `${list.id}-${i}`;
        item.setAttribute("role", "option");
        item.setAttribute("aria-selected", "false");
        const note = document.createElement("span");
        note.textContent = row[2];
        item.append(row[1], note);
        item.addEventListener("mousedown", (event) => {
          event.preventDefault();
          choose(row);
        });
        return item;
      }),
    );
    if (!rows.length) {
      const none = document.createElement("li");
      none.setAttribute("role", "option");
      none.setAttribute("aria-disabled", "true");
      none.setAttribute("aria-selected", "false");
      none.textContent = options.nothing;
      list.append(none);
    }
    at = -1;
    list.hidden = false;
    field.setAttribute("aria-expanded", "true");
  };
  const ask = async (): Promise<void> => {
    const mine = ++asked;
    const join = options.url.includes("?") ? "&" : "?";
    const response = await fetch(`${options.url}${join}q=${encodeURIComponent(field.value.trim())}`, { headers: { accept: "application/json" } });
    if (mine !== asked || !response.ok) return;
    rows = (await response.json()) as Row[];
    if (document.activeElement === field) draw();
  };
  field.addEventListener("input", () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => void ask(), PAUSE_MS);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") {
      event.preventDefault();
      if (list.hidden) void ask();
      else move(at + 1);
    } else if (event.key === "ArrowUp" && !list.hidden) {
      event.preventDefault();
      move(at - 1);
    } else if (event.key === "Enter" && !list.hidden) {
      const row = rows[Math.max(at, 0)];
      event.preventDefault();
      if (row) choose(row);
    } else if (event.key === "Escape" && !list.hidden) {
      event.stopPropagation();
      close();
    }
  });
  field.addEventListener("blur", () => window.setTimeout(close, 120));
}

/** A field that holds an id: people type a name beside it. The id is what the form sends. */
export function picker(field: HTMLInputElement): void {
  const shown = document.createElement("input");
  shown.type = "text";
  shown.id = field.id;
  shown.value = field.dataset["pickText"] || field.value;
  shown.required = field.required;
  for (const name of ["aria-describedby", "aria-invalid"]) {
    const value = field.getAttribute(name);
    if (value) shown.setAttribute(name, value);
  }
  field.removeAttribute("id");
  field.required = false;
  field.type = "hidden";
  field.before(shown);
  let chosen = shown.value;
  combobox(shown, {
    url: `/console/pick/${encodeURIComponent(field.dataset["pickFrom"] ?? "")}`,
    nothing: field.dataset["pickNone"] ?? "",
    choose: (row) => {
      field.value = row[0];
      chosen = row[1];
      field.dispatchEvent(new Event("change", { bubbles: true }));
    },
  });
  // What was typed and not chosen is sent as typed: an id may be pasted, and the server says what is wrong with the rest.
  shown.addEventListener("change", () => {
    if (shown.value !== chosen) field.value = shown.value.trim();
  });
}
