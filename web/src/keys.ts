// Keys for people who work here all day. Nothing happens while one types; `/help#keys` lists them.

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || ["INPUT", "SELECT", "TEXTAREA"].includes(target.tagName));
}

function rows(): HTMLTableRowElement[] {
  return [...document.querySelectorAll<HTMLTableRowElement>("table[data-rows] tbody tr")];
}

function step(by: number): void {
  const all = rows();
  if (!all.length) return;
  const now = all.findIndex((row) => row.classList.contains("at"));
  const next = Math.min(all.length - 1, Math.max(0, now < 0 ? (by > 0 ? 0 : all.length - 1) : now + by));
  all[now]?.classList.remove("at");
  all[next]?.classList.add("at");
  all[next]?.querySelector<HTMLElement>("a")?.focus();
  all[next]?.scrollIntoView({ block: "nearest" });
}

let before = "";

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") {
    for (const open of document.querySelectorAll<HTMLDetailsElement>("details.pop[open], details.why[open]")) {
      open.open = false;
      open.querySelector("summary")?.focus();
    }
    return;
  }
  if (typing(event.target)) return;
  const both = before + event.key;
  before = event.key === "g" ? "g" : "";
  if (event.key === "/") document.querySelector<HTMLElement>("[data-key='/']")?.focus();
  else if (event.key === "?") window.location.assign("/help#keys");
  else if (both === "go") window.location.assign("/");
  else if (both === "gm") window.location.assign("/map");
  else if (event.key === "j") step(1);
  else if (event.key === "k") step(-1);
  else if (event.key === "n") document.querySelector<HTMLAnchorElement>("a[rel=next]")?.click();
  else return;
  event.preventDefault();
});

// A menu that is open closes when one goes elsewhere.
document.addEventListener("click", (event) => {
  for (const open of document.querySelectorAll<HTMLDetailsElement>("details.pop[open]")) {
    if (!(event.target instanceof Node && open.contains(event.target))) open.open = false;
  }
});
