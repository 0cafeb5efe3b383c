import type { ExpressionSpecification, GeoJSONFeature, GeoJSONSource, Map as MapLibre } from "maplibre-gl";
import { drawMark, SHAPES } from "./mark";
import { showNumber, showInstant } from "./moment";
import { colour, magnification, onThemeChange } from "./theme";

/** What the page says about a layer. by: the field that colours it. beneath: ground, drawn under all marks. */
export interface LayerSpec {
  name: string;
  title: string;
  by: string;
  icon: string;
  beneath: boolean;
}

/** Ground has the colours of a map, not those of a legend. */
const GROUND: Record<string, string> = { river: "--map-water", road: "--map-road" };

export type LayerWords = Record<"simulated" | "stale" | "failed" | "cut" | "entities", string>;

interface Class {
  key: string;
  label: string;
  shade: string;
  count: number;
}

/** Columns: x, y, c, s, id, t for single marks; cx, cy, cn, cc for cells that hold several. Places in 1e-5 degrees. */
interface Answer {
  classes: Class[];
  keys: string[];
  unit: string;
  total: number;
  inside: number;
  simulated: number;
  stale: number;
  extended: boolean;
  x: number[];
  y: number[];
  c: number[];
  s: number[];
  id: string[];
  t: string[];
  cx: number[];
  cy: number[];
  cn: number[];
  cc: number[];
}

const NOTHING: GeoJSON.FeatureCollection = { type: "FeatureCollection", features: [] };
const SHADES = ["none", ..."01234567".split("").map((i) => `c${i}`), ..."01234".split("").map((i) => `s${i}`)];
/** How far beyond the window marks are asked for, as a part of it: a short pan shows no empty edge. */
const MARGIN = 0.25;

function shaded(property: string, prefix = "--shade-"): ExpressionSpecification {
  const pairs = SHADES.flatMap((shade) => [shade, colour(prefix + shade)]);
  return ["match", ["get", property], ...pairs, colour(`${prefix}none`)] as unknown as ExpressionSpecification;
}

function feature(x: number, y: number, properties: Record<string, unknown>): GeoJSON.Feature {
  return { type: "Feature", properties, geometry: { type: "Point", coordinates: [x / 1e5, y / 1e5] } };
}

/** One layer: marks and cells as the server gathered them for the window, shapes where there are any, and the legend. */
export class Layer {
  readonly source: string;
  private readonly shapes: string;
  private readonly shape: number;
  private running: AbortController | null = null;
  private tag = "";
  private visible = true;
  private extended: boolean;

  constructor(
    private readonly map: MapLibre,
    readonly spec: LayerSpec,
    private readonly words: LayerWords,
    order: number,
  ) {
    this.source = `layer-${spec.name}`;
    this.shapes = `shapes-${spec.name}`;
    this.shape = order % SHAPES;
    this.extended = spec.beneath;
    const k = magnification();
    const under = map.getLayer("above-ground") ? "above-ground" : undefined;
    map.addSource(this.shapes, { type: "geojson", data: NOTHING });
    map.addLayer({ id: `${this.shapes}-fill`, type: "fill", source: this.shapes, filter: ["==", ["geometry-type"], "Polygon"], paint: { "fill-opacity": spec.beneath ? 0.55 : 0.3 } }, under);
    map.addLayer({ id: `${this.shapes}-line`, type: "line", source: this.shapes, layout: { "line-cap": "round", "line-join": "round" }, paint: { "line-width": ["interpolate", ["linear"], ["zoom"], 8, 1.1 * k, 14, 4 * k], "line-opacity": spec.beneath ? 0.8 : 1 } }, under);
    map.addLayer({ id: `${this.shapes}-name`, type: "symbol", source: this.shapes, minzoom: 10.5, layout: { "text-field": ["get", "title"], "text-font": ["sans-serif"], "text-size": 11 * k, "symbol-placement": "line", "text-max-angle": 40 }, paint: { "text-halo-width": 1.5 } }, under);
    map.addSource(this.source, { type: "geojson", data: NOTHING });
    map.addLayer({
      id: `${this.source}-cell`,
      type: "circle",
      source: this.source,
      filter: ["has", "n"],
      paint: { "circle-radius": ["step", ["get", "n"], 11 * k, 10, 13 * k, 100, 16 * k, 1000, 19 * k, 10000, 23 * k], "circle-stroke-width": 3.5 * k },
    });
    map.addLayer({
      id: `${this.source}-count`,
      type: "symbol",
      source: this.source,
      filter: ["has", "n"],
      layout: { "text-field": ["get", "label"], "text-font": ["sans-serif"], "text-size": 11 * k, "text-allow-overlap": true, "text-ignore-placement": true },
    });
    map.addLayer({
      id: `${this.source}-point`,
      type: "symbol",
      source: this.source,
      filter: ["!", ["has", "n"]],
      layout: { "icon-image": ["concat", `${this.shape}-`, ["get", "shade"]], "icon-allow-overlap": true, "icon-ignore-placement": true, "icon-size": ["interpolate", ["linear"], ["zoom"], 8, 0.72 * k, 14, 1.15 * k] },
      paint: { "icon-opacity": ["case", ["==", ["get", "old"], 1], 0.4, 1] },
    });
    map.addLayer({
      id: `${this.source}-value`,
      type: "symbol",
      source: this.source,
      minzoom: 9.5,
      filter: ["has", "value"],
      layout: { "text-field": ["get", "value"], "text-font": ["sans-serif"], "text-size": 11.5 * k, "text-anchor": "top", "text-offset": [0, 0.75], "text-padding": 1 },
      paint: { "text-halo-width": 1.6, "text-opacity": ["case", ["==", ["get", "old"], 1], 0.6, 1] },
    });
    this.paint();
    onThemeChange(() => this.paint());
  }

  clickable(): string[] {
    return [`${this.source}-cell`, `${this.source}-point`, `${this.shapes}-line`, `${this.shapes}-fill`];
  }

  holds(source: string): boolean {
    return source === this.source || source === this.shapes;
  }

  show(visible: boolean): void {
    this.visible = visible;
    const state = visible ? "visible" : "none";
    for (const part of ["cell", "count", "point", "value"]) this.map.setLayoutProperty(`${this.source}-${part}`, "visibility", state);
    for (const part of ["fill", "line", "name"]) this.map.setLayoutProperty(`${this.shapes}-${part}`, "visibility", state);
    this.legend()?.toggleAttribute("hidden", !visible);
    if (!visible) this.running?.abort();
  }

  /** Colour by another field. */
  colourBy(field: string): void {
    this.spec.by = field;
    this.tag = "";
    void this.load();
  }

  private legend(): HTMLElement | null {
    return document.querySelector<HTMLElement>(`[data-legend="${CSS.escape(this.spec.name)}"]`);
  }

  private paint(): void {
    for (const shade of SHADES) {
      const name = `${this.shape}-${shade}`;
      const picture = drawMark(this.shape, colour(`--shade-${shade}`), colour("--map-edge"));
      if (this.map.hasImage(name)) this.map.updateImage(name, picture);
      else this.map.addImage(name, picture, { pixelRatio: 2 });
    }
    this.map.setPaintProperty(`${this.source}-cell`, "circle-color", colour("--map-cluster"));
    this.map.setPaintProperty(`${this.source}-cell`, "circle-stroke-color", shaded("shade"));
    this.map.setPaintProperty(`${this.source}-count`, "text-color", colour("--map-cluster-ink"));
    this.map.setPaintProperty(`${this.source}-value`, "text-color", colour("--ink"));
    this.map.setPaintProperty(`${this.source}-value`, "text-halo-color", colour("--map-area"));
    const own = this.spec.beneath ? GROUND[this.spec.icon] : undefined;
    const ground = own ? colour(own) : null;
    this.map.setPaintProperty(`${this.shapes}-fill`, "fill-color", ground ?? shaded("shade"));
    this.map.setPaintProperty(`${this.shapes}-line`, "line-color", ground ?? shaded("shade"));
    this.map.setPaintProperty(`${this.shapes}-name`, "text-color", colour("--map-name"));
    this.map.setPaintProperty(`${this.shapes}-name`, "text-halo-color", colour("--map-area"));
  }

  /** The window with a margin, as `bbox` and `zoom`. */
  private window(): string {
    const b = this.map.getBounds();
    const [dx, dy] = [(b.getEast() - b.getWest()) * MARGIN, (b.getNorth() - b.getSouth()) * MARGIN];
    const box = [Math.max(-180, b.getWest() - dx), Math.max(-90, b.getSouth() - dy), Math.min(180, b.getEast() + dx), Math.min(90, b.getNorth() + dy)];
    return `bbox=${box.map((v) => v.toFixed(4)).join(",")}&zoom=${this.map.getZoom().toFixed(2)}`;
  }

  /** Fetch what the window shows. A newer question ends an older one. */
  async load(moved = true): Promise<void> {
    if (!this.visible || (!moved && this.running)) return;
    this.running?.abort();
    const mine = new AbortController();
    this.running = mine;
    try {
      const by = this.spec.by ? `&by=${encodeURIComponent(this.spec.by)}` : "";
      const response = await fetch(`/console/map/${this.spec.name}.json?${this.window()}${by}`, { signal: mine.signal, headers: { accept: "application/json" } });
      if (!response.ok) return this.say(`${this.words.failed} (${response.status})`);
      const tag = response.headers.get("etag") ?? "";
      const answer = (await response.json()) as Answer;
      if (tag === "" || tag !== this.tag) {
        this.tag = tag;
        this.map.getSource<GeoJSONSource>(this.source)?.setData(this.features(answer));
        this.draw(answer);
      } else this.stamp(answer);
      if (answer.extended && (moved || !this.extended)) await this.loadShapes(mine.signal);
      this.extended = answer.extended;
    } catch (error) {
      if (!mine.signal.aborted) this.say(`${this.words.failed}: ${String(error)}`);
    } finally {
      if (this.running === mine) this.running = null;
    }
  }

  private async loadShapes(signal: AbortSignal): Promise<void> {
    const response = await fetch(`/console/map/${this.spec.name}.geojson?${this.window()}`, { signal, headers: { accept: "application/geo+json" } });
    if (!response.ok) return;
    const data = (await response.json()) as GeoJSON.FeatureCollection & { cut: boolean };
    this.map.getSource<GeoJSONSource>(this.shapes)?.setData(data);
    if (data.cut) this.say(this.words.cut);
  }

  private features(answer: Answer): GeoJSON.FeatureCollection {
    const shade = (code: number | undefined): string => answer.keys[code ?? -1] ?? "none";
    const singles = answer.x.map((x, i) => {
      const value = answer.t[i] ? { value: answer.t[i] } : {};
      return feature(x, answer.y[i] ?? 0, { id: answer.id[i], shade: shade(answer.c[i]), old: answer.s[i], ...value });
    });
    const cells = answer.cx.map((x, i) => {
      const n = answer.cn[i] ?? 0;
      return feature(x, answer.cy[i] ?? 0, { n, label: n < 1000 ? String(n) : `${showNumber(n / 1000, 0)}k`, shade: shade(answer.cc[i]) });
    });
    return { type: "FeatureCollection", features: [...cells, ...singles] };
  }

  private say(text: string): void {
    const status = document.querySelector(`[data-legend-status="${CSS.escape(this.spec.name)}"]`);
    if (status) status.textContent = text;
  }

  private stamp(answer: Answer): void {
    const words = this.words;
    const parts = [`${showNumber(answer.inside)} / ${showNumber(answer.total)} ${words.entities}`];
    if (answer.stale) parts.push(`${showNumber(answer.stale)} ${words.stale}`);
    if (answer.simulated) parts.push(`${showNumber(answer.simulated)} ${words.simulated}`);
    parts.push(showInstant(Date.now() / 1000).slice(11));
    this.say(parts.join(" · "));
  }

  private draw(answer: Answer): void {
    const list = this.legend()?.querySelector("[data-legend-classes]");
    list?.replaceChildren(
      ...answer.classes
        .filter((c) => c.label)
        .map((c) => {
          const item = document.createElement("li");
          const swatch = document.createElement("span");
          swatch.className = `swatch shade-${c.shade} shape-${this.shape}`;
          const count = document.createElement("span");
          count.className = "legend-count";
          count.textContent = showNumber(c.count);
          item.append(swatch, document.createTextNode(c.label), count);
          return item;
        }),
    );
    this.stamp(answer);
    const element = this.map.getContainer();
    element.dataset["drawn"] = String(Number(element.dataset["drawn"] ?? "0") + 1);
  }

  /** What a touched mark asks for: the address of its popup. Null for a cell, which is zoomed into. */
  popup(found: GeoJSONFeature): string | null {
    const id: unknown = found.properties["id"];
    return typeof id === "string" ? `/console/map/popup?id=${encodeURIComponent(id)}&by=${encodeURIComponent(this.spec.by)}` : null;
  }
}
