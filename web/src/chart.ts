// Time series of one observed attribute: average line, min–max band where readings were aggregated, gaps shaded, the
// present marked. The read-out follows the mouse, a finger, and the arrow keys.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { showInstant, showNumber } from "./moment";
import { colour, onThemeChange } from "./theme";

interface Series {
  t: number[];
  avg: (number | null)[];
  min: (number | null)[];
  max: (number | null)[];
  count: (number | null)[];
  unit: string;
  aggregated: boolean;
  start: number;
  end: number;
}

type Words = Record<"time" | "average" | "lowest" | "highest" | "readings" | "nothing" | "failed" | "value" | "now" | "gap", string>;

const HEIGHT_REM = 12.5;

/** Height of a chart in pixels: its own, or the usual one. */
function height(figure: HTMLElement): number {
  return Number(figure.dataset["height"] ?? HEIGHT_REM) * rem();
}

function rem(): number {
  return Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
}

/** Shades where readings are missing, and draws the present as a dashed line. */
function marks(series: Series, words: Words, font: string): uPlot.Plugin {
  return {
    hooks: {
      drawClear: (u) => {
        const { ctx } = u;
        const { left, top, width, height } = u.bbox;
        ctx.save();
        ctx.beginPath();
        ctx.rect(left, top, width, height);
        ctx.clip();
        ctx.fillStyle = colour("--chart-gap");
        for (let i = 1; i + 1 < series.t.length; i++) {
          if (series.avg[i] != null) continue;
          const from = u.valToPos(series.t[i - 1] ?? 0, "x", true);
          const to = u.valToPos(series.t[i + 1] ?? 0, "x", true);
          ctx.fillRect(from, top, to - from, height);
        }
        ctx.restore();
      },
      draw: (u) => {
        const { ctx } = u;
        const { left, top, width, height } = u.bbox;
        const x = Math.round(u.valToPos(Date.now() / 1000, "x", true));
        if (x < left || x > left + width) return;
        ctx.save();
        ctx.strokeStyle = colour("--focus");
        ctx.fillStyle = colour("--focus");
        ctx.setLineDash([4, 3]);
        ctx.lineWidth = devicePixelRatio;
        ctx.beginPath();
        ctx.moveTo(x, top);
        ctx.lineTo(x, top + height);
        ctx.stroke();
        ctx.font = font;
        ctx.textAlign = "right";
        ctx.textBaseline = "top";
        ctx.fillText(words.now, x - 4 * devicePixelRatio, top + 2);
        ctx.restore();
      },
    },
  };
}

function plot(figure: HTMLElement, canvas: HTMLElement, series: Series, words: Words): uPlot {
  const line = colour("--chart-line");
  const size = 0.78 * rem();
  const family = getComputedStyle(figure).fontFamily;
  const font = `${size}px ${family}`;
  const axis: uPlot.Axis = {
    stroke: colour("--ink-soft"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { stroke: colour("--line"), width: 1 },
    font,
  };
  const options: uPlot.Options = {
    width: canvas.clientWidth,
    height: height(figure),
    tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), "Asia/Ho_Chi_Minh"),
    cursor: { drag: { x: true, y: false }, points: { size: 8 } },
    legend: { show: false },
    // A little room beyond the present, so that its line is seen.
    scales: { x: { range: (_u, low, high) => (low === high ? [series.start, series.end] : [low, high]) } },
    plugins: [marks(series, words, `${size * devicePixelRatio}px ${family}`)],
    axes: [
      { ...axis, size: 2.6 * rem(), values: axisTimes, space: 4.2 * rem() },
      { ...axis, size: 3.4 * rem(), values: (_u, splits) => splits.map((v) => showNumber(v, 3)), label: series.unit, labelFont: font, labelSize: 1.3 * rem() },
    ],
    series: [
      {},
      { stroke: line, width: 2, spanGaps: false, points: { show: series.t.length < 60, size: 5, fill: line } },
      ...(series.aggregated
        ? [
            { stroke: colour("--chart-band-edge"), width: 1, points: { show: false } },
            { stroke: colour("--chart-band-edge"), width: 1, points: { show: false } },
          ]
        : []),
    ],
    ...(series.aggregated ? { bands: [{ series: [2, 3] as [number, number], fill: colour("--chart-band") }] } : {}),
    hooks: { setCursor: [(u) => read(figure, u.cursor.idx, series, words)] },
  };
  const columns = series.aggregated ? [series.t, series.avg, series.max, series.min] : [series.t, series.avg];
  const chart = new uPlot(options, columns as uPlot.AlignedData, canvas);
  chart.setScale("x", { min: series.start, max: series.end + (series.end - series.start) * 0.015 });
  return chart;
}

/** Hours under the axis, and the day below them where it changes. Works in civil time of Vietnam. */
function axisTimes(_u: uPlot, splits: number[], _axis: number, _space: number, step_s: number): string[] {
  let before = "";
  return splits.map((ts) => {
    const date = uPlot.tzDate(new Date(ts * 1000), "Asia/Ho_Chi_Minh");
    const two = (n: number): string => String(n).padStart(2, "0");
    const day = `${two(date.getDate())}/${two(date.getMonth() + 1)}`;
    const hour = `${two(date.getHours())}:${two(date.getMinutes())}`;
    const shown = step_s >= 25 * 86_400 ? `${two(date.getMonth() + 1)}/${date.getFullYear()}` : step_s >= 86_400 ? day : day === before ? hour : `${hour}\n${day}`;
    before = day;
    return shown;
  });
}

/** The numbers under the cursor, in words. */
function read(figure: HTMLElement, at: number | null | undefined, series: Series, words: Words): void {
  const out = figure.querySelector<HTMLElement>(".chart-read");
  if (!out) return;
  if (at == null) {
    out.textContent = "";
    return;
  }
  const value = series.avg[at];
  const unit = series.unit ? ` ${series.unit}` : "";
  const when = showInstant(series.t[at] ?? 0);
  if (value == null) {
    out.textContent = `${when} · ${words.gap}`;
    return;
  }
  const parts = [when, `${series.aggregated ? words.average : words.value} ${showNumber(value)}${unit}`];
  if (series.aggregated) {
    parts.push(`${words.lowest} ${showNumber(series.min[at] ?? value)}`, `${words.highest} ${showNumber(series.max[at] ?? value)}`);
    parts.push(`${showNumber(series.count[at] ?? 0)} ${words.readings}`);
  }
  out.textContent = parts.join(" · ");
}

/** Arrow keys walk over the readings, Home and End jump, Escape leaves. */
function keyboard(canvas: HTMLElement, shown: () => Series, chart: () => uPlot): void {
  let at = -1;
  canvas.addEventListener("keydown", (event) => {
    const series = shown();
    const last = series.t.length - 1;
    const next = { ArrowRight: at + 1, ArrowLeft: at < 0 ? last : at - 1, Home: 0, End: last, PageDown: at + 20, PageUp: at - 20 }[event.key];
    if (event.key === "Escape") {
      at = -1;
      chart().setCursor({ left: -10, top: -10 });
    } else if (next !== undefined) {
      event.preventDefault();
      at = Math.min(last, Math.max(0, next));
      const u = chart();
      u.setCursor({ left: u.valToPos(series.t[at] ?? 0, "x"), top: u.valToPos(series.avg[at] ?? 0, "y") });
    }
  });
}

/** The same numbers as a table, for readers who do not see the drawing. */
function fillTable(table: HTMLTableElement, series: Series): void {
  const body = table.tBodies[0] ?? table.createTBody();
  const rows = series.t.map((t, i) => ({ t, i })).filter(({ i }) => series.avg[i] != null);
  for (const { t, i } of rows.slice(-200).reverse()) {
    const row = body.insertRow();
    const when = row.insertCell();
    when.className = "when";
    when.textContent = showInstant(t);
    for (const value of [series.avg[i], series.min[i], series.max[i], series.count[i]]) {
      const cell = row.insertCell();
      cell.className = "number";
      cell.textContent = value == null ? "–" : showNumber(value, 3);
    }
  }
}

async function load(figure: HTMLElement): Promise<Series | number> {
  const response = await fetch(figure.dataset["series"] ?? "", { headers: { accept: "application/json" } });
  return response.ok ? ((await response.json()) as Series) : response.status;
}

async function start(figure: HTMLElement): Promise<void> {
  const words = JSON.parse(figure.dataset["words"] ?? "{}") as Words;
  const canvas = figure.querySelector<HTMLElement>(".chart-canvas");
  const status = figure.querySelector<HTMLElement>(".chart-status");
  if (!canvas || !status) return;
  const found = await load(figure);
  if (typeof found === "number") {
    status.textContent = `${words.failed} (${found})`;
    return;
  }
  let series = found;
  if (!series.avg.some((v) => v != null)) {
    status.textContent = words.nothing;
    return;
  }
  status.remove();
  const table = figure.querySelector("table");
  if (table) fillTable(table, series);
  let chart = plot(figure, canvas, series, words);
  figure.dataset["ready"] = "yes";
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "group");
  canvas.setAttribute("aria-label", figure.dataset["label"] ?? "");
  keyboard(canvas, () => series, () => chart);
  const redraw = (): void => {
    chart.destroy();
    if (figure.isConnected) chart = plot(figure, canvas, series, words);
  };
  onThemeChange(redraw);
  new ResizeObserver(() => {
    if (canvas.clientWidth > 0) chart.setSize({ width: canvas.clientWidth, height: height(figure) });
  }).observe(canvas);
  const again_s = Number(figure.dataset["refresh"] ?? "0");
  if (again_s <= 0) return;
  const timer = window.setInterval(() => {
    if (!figure.isConnected) return window.clearInterval(timer);
    load(figure)
      .then((fresh) => {
        if (typeof fresh === "number" || !fresh.avg.some((v) => v != null)) return;
        series = fresh;
        if (canvas.clientWidth > 0) redraw();
      })
      .catch(() => undefined); // a wall that lost its server says so itself
  }, again_s * 1000);
}

/** A chart is loaded when it is about to be seen: a page with ten of them asks for the first two. */
const watcher = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      watcher.unobserve(entry.target);
      const figure = entry.target as HTMLElement;
      start(figure).catch((error: unknown) => {
        const status = figure.querySelector(".chart-status");
        if (status) status.textContent = String(error);
      });
    }
  },
  { rootMargin: "300px" },
);
const watch = (): void => document.querySelectorAll<HTMLElement>("[data-series]:not([data-ready])").forEach((figure) => watcher.observe(figure));
watch();
/** A wall has put other charts into its place. */
document.addEventListener("charts-changed", watch);
