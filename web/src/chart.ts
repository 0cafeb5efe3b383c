// Time series of one observed attribute: average line, min–max band where readings were aggregated, gaps left open.
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

type Words = Record<"time" | "average" | "lowest" | "highest" | "readings" | "nothing" | "failed" | "value", string>;

const HEIGHT_REM = 17;

function rem(): number {
  return Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
}

function plot(figure: HTMLElement, canvas: HTMLElement, series: Series, words: Words): uPlot {
  const unit = series.unit ? ` ${series.unit}` : "";
  const show = (value: number | null | undefined): string => (value == null ? "–" : `${showNumber(value)}${unit}`);
  const line = colour("--chart-line");
  const axis: uPlot.Axis = {
    stroke: colour("--ink-soft"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { stroke: colour("--line"), width: 1 },
    font: `${0.8 * rem()}px ${getComputedStyle(figure).fontFamily}`,
  };
  const options: uPlot.Options = {
    width: canvas.clientWidth,
    height: HEIGHT_REM * rem(),
    tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), "Asia/Ho_Chi_Minh"),
    cursor: { drag: { x: true, y: false } },
    scales: { x: { range: (_u, low, high) => (low === high ? [series.start, series.end] : [low, high]) } },
    axes: [
      { ...axis, size: 3 * rem(), values: axisTimes },
      { ...axis, size: 4.5 * rem(), values: (_u, splits) => splits.map((v) => showNumber(v, 3)), label: series.unit, labelFont: axis.font!, labelSize: 1.6 * rem() },
    ],
    series: [
      { label: words.time, value: (_u, value) => (value == null ? "–" : showInstant(value)) },
      {
        label: series.aggregated ? words.average : words.value,
        stroke: line,
        width: 2,
        spanGaps: false,
        points: { show: series.t.length < 100, size: 6, fill: line },
        value: (_u, value) => show(value),
      },
      ...(series.aggregated
        ? [
            { label: words.highest, stroke: colour("--chart-band-edge"), width: 1, points: { show: false }, value: (_u: uPlot, v: number) => show(v) },
            { label: words.lowest, stroke: colour("--chart-band-edge"), width: 1, points: { show: false }, value: (_u: uPlot, v: number) => show(v) },
          ]
        : []),
    ],
    ...(series.aggregated ? { bands: [{ series: [2, 3] as [number, number], fill: colour("--chart-band") }] } : {}),
  };
  const columns = series.aggregated ? [series.t, series.avg, series.max, series.min] : [series.t, series.avg];
  const chart = new uPlot(options, columns as uPlot.AlignedData, canvas);
  chart.setScale("x", { min: series.start, max: series.end });
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
    const shown = step_s >= 86_400 ? day : day === before ? hour : `${hour}\n${day}`;
    before = day;
    return shown;
  });
}

/** The same numbers as a table, for readers who do not see the drawing. */
function fillTable(table: HTMLTableElement, series: Series): void {
  const body = table.tBodies[0] ?? table.createTBody();
  const rows = series.t.map((t, i) => ({ t, i })).filter(({ i }) => series.avg[i] != null);
  for (const { t, i } of rows.slice(-200).reverse()) {
    const row = body.insertRow();
    row.insertCell().textContent = showInstant(t);
    for (const value of [series.avg[i], series.min[i], series.max[i], series.count[i]]) {
      const cell = row.insertCell();
      cell.className = "number";
      cell.textContent = value == null ? "–" : showNumber(value, 3);
    }
  }
}

async function start(figure: HTMLElement): Promise<void> {
  const words = JSON.parse(figure.dataset["words"] ?? "{}") as Words;
  const canvas = figure.querySelector<HTMLElement>(".chart-canvas");
  const status = figure.querySelector<HTMLElement>(".chart-status");
  if (!canvas || !status) return;
  const response = await fetch(figure.dataset["series"] ?? "", { headers: { accept: "application/json" } });
  if (!response.ok) {
    status.textContent = `${words.failed} (${response.status})`;
    return;
  }
  const series = (await response.json()) as Series;
  const known = series.avg.some((v) => v != null);
  if (!known) {
    status.textContent = words.nothing;
    return;
  }
  status.remove();
  const table = figure.querySelector("table");
  if (table) fillTable(table, series);
  let chart = plot(figure, canvas, series, words);
  const redraw = (): void => {
    chart.destroy();
    chart = plot(figure, canvas, series, words);
  };
  onThemeChange(redraw);
  new ResizeObserver(() => chart.setSize({ width: canvas.clientWidth, height: HEIGHT_REM * rem() })).observe(canvas);
}

for (const figure of document.querySelectorAll<HTMLElement>("[data-series]")) {
  start(figure).catch((error: unknown) => {
    const status = figure.querySelector(".chart-status");
    if (status) status.textContent = String(error);
  });
}
