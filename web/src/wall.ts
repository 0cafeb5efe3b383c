// A wall: one board at a time, fetched again while it is out of sight, and a clock. Nothing here waits for a hand.
import { showInstant } from "./moment";

const AGAIN_MS = 60_000;
/** A wall that could not be reached for this long says so: old numbers must not pass for the present. */
const LOST_MS = 180_000;

/** Which series a board draws: the same charts stay and refresh themselves. */
function charts(board: Element): string {
  return [...board.querySelectorAll<HTMLElement>("[data-series]")].map((figure) => figure.dataset["series"]).join();
}

function run(wall: HTMLElement): void {
  const boards = [...wall.querySelectorAll<HTMLElement>("[data-board]")];
  const title = document.querySelector<HTMLElement>("[data-wall-title]");
  let at = 0;
  let heard = Date.now();
  const show = (next: number): void => {
    at = next % boards.length;
    boards.forEach((board, i) => (board.hidden = i !== at));
    if (title) title.textContent = boards[at]?.getAttribute("aria-label") ?? "";
    window.dispatchEvent(new Event("resize")); // a map that was hidden learns its size
  };
  const fetchPage = async (address: string): Promise<Document | null> => {
    const response = await fetch(address, { headers: { accept: "text/html" } });
    if (!response.ok || response.redirected) return null;
    heard = Date.now();
    return new DOMParser().parseFromString(await response.text(), "text/html");
  };
  const refresh = async (): Promise<void> => {
    const page = await fetchPage(window.location.href).catch(() => null);
    for (const board of boards) {
      const source = board.dataset["boardPage"];
      if (source) {
        const main = (await fetchPage(source).catch(() => null))?.querySelector("main");
        if (main) {
          const heading = main.querySelector("h1")?.textContent?.trim();
          if (heading) board.setAttribute("aria-label", heading);
          main.querySelectorAll("h1, form, script, .tools").forEach((node) => node.remove());
          board.replaceChildren(...main.childNodes);
        }
      } else if (board.dataset["board"] !== "map") {
        const fresh = page?.querySelector(`[data-board="${CSS.escape(board.dataset["board"] ?? "")}"]`);
        if (!fresh || (board.dataset["board"] === "charts" && charts(fresh) === charts(board))) continue;
        board.replaceChildren(...fresh.childNodes);
        document.dispatchEvent(new Event("charts-changed"));
      }
    }
    wall.classList.toggle("lost", Date.now() - heard > LOST_MS);
  };
  show(0);
  void refresh();
  window.setInterval(() => show(at + 1), 1000 * Number(wall.dataset["wall"]));
  window.setInterval(() => void refresh(), AGAIN_MS);
}

const clock = document.querySelector<HTMLElement>("[data-clock]");
if (clock) window.setInterval(() => (clock.textContent = showInstant(Date.now() / 1000)), 1000);
for (const wall of document.querySelectorAll<HTMLElement>("[data-wall]")) run(wall);
