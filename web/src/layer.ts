import type { ExpressionSpecification, GeoJSONFeature, GeoJSONSource, LngLatLike, Map as MapLibre } from "maplibre-gl";
import { showInstant } from "./moment";
import { drawMark, SHAPES } from "./mark";
import { colour, magnification, onThemeChange } from "./theme";

/** What the page says about a layer. `url` answers GeoJSON and takes `bbox`. */
export interface LayerSpec {
  name: string;
  title: string;
  url: string;
  words: { more: string; at: string; simulated: string; open: string; noData: string; failed: string; shown: string };
}

interface Class {
  key: string;
  label: string;
  shade: string;
  count: number;
}

interface Answer extends GeoJSON.FeatureCollection {
  classes: Class[];
  colour_by: string;
  truncated: boolean;
  at: number;
  simulated: boolean;
}

const NOTHING: GeoJSON.FeatureCollection = { type: "FeatureCollection", features: [] };

/** Points of one type: clustered, coloured by value or state, refreshed in place, with a legend that says what is meant. */
export class Layer {
  readonly source: string;
  private readonly shape: number;
  private busy = false;
  private classes: Class[] = [];

  constructor(
    private readonly map: MapLibre,
    readonly spec: LayerSpec,
    private readonly element: HTMLElement,
    order: number,
  ) {
    this.source = `layer-${spec.name}`;
    this.shape = order % SHAPES;
    const k = magnification();
    map.addSource(this.source, { type: "geojson", data: NOTHING, cluster: true, clusterRadius: 34 * k, clusterMaxZoom: 13 });
    map.addLayer({
      id: `${this.source}-cluster`,
      type: "circle",
      source: this.source,
      filter: ["has", "point_count"],
      paint: { "circle-radius": ["step", ["get", "point_count"], 12 * k, 10, 15 * k, 50, 19 * k, 250, 24 * k], "circle-stroke-width": 2 * k },
    });
    map.addLayer({
      id: `${this.source}-count`,
      type: "symbol",
      source: this.source,
      filter: ["has", "point_count"],
      layout: { "text-field": ["get", "point_count_abbreviated"], "text-font": ["sans-serif"], "text-size": 12 * k, "text-allow-overlap": true },
    });
    map.addLayer({
      id: `${this.source}-point`,
      type: "symbol",
      source: this.source,
      filter: ["!", ["has", "point_count"]],
      layout: { "icon-image": this.mark("none"), "icon-allow-overlap": true, "icon-ignore-placement": true, "icon-size": ["interpolate", ["linear"], ["zoom"], 8, 0.75 * k, 14, 1.2 * k] },
    });
    this.paint();
    onThemeChange(() => this.paint());
  }

  clickable(): string[] {
    return [`${this.source}-cluster`, `${this.source}-point`];
  }

  show(visible: boolean): void {
    for (const part of ["cluster", "count", "point"]) {
      this.map.setLayoutProperty(`${this.source}-${part}`, "visibility", visible ? "visible" : "none");
    }
    this.legend()?.toggleAttribute("hidden", !visible);
  }

  private legend(): HTMLElement | null {
    return document.querySelector<HTMLElement>(`[data-legend="${CSS.escape(this.spec.name)}"]`);
  }

  /** Name of the picture for a shade; drawn when first asked for. Shape tells the layer, colour the value. */
  private mark(shade: string): string {
    const name = `${this.shape}-${shade}`;
    const picture = drawMark(this.shape, colour(`--shade-${shade}`), colour("--map-edge"));
    if (this.map.hasImage(name)) this.map.updateImage(name, picture);
    else this.map.addImage(name, picture, { pixelRatio: 2 });
    return name;
  }

  private paint(): void {
    const matched = this.classes.flatMap((c) => [c.key, this.mark(c.shade)]);
    const fallback = this.mark("none");
    const image = (matched.length ? ["match", ["get", "class"], ...matched, fallback] : fallback) as unknown as ExpressionSpecification;
    this.map.setLayoutProperty(`${this.source}-point`, "icon-image", image);
    this.map.setPaintProperty(`${this.source}-cluster`, "circle-color", colour("--map-cluster"));
    this.map.setPaintProperty(`${this.source}-cluster`, "circle-stroke-color", colour("--map-edge"));
    this.map.setPaintProperty(`${this.source}-count`, "text-color", colour("--map-cluster-ink"));
  }

  /** Fetch what the window shows. A slow answer is not overtaken: one request at a time. */
  async load(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    try {
      const b = this.map.getBounds();
      const box = [b.getWest(), b.getSouth(), b.getEast(), b.getNorth()].map((v, i) => Math.min(i % 2 ? 90 : 180, Math.max(i % 2 ? -90 : -180, v)).toFixed(5));
      const response = await fetch(`${this.spec.url}?bbox=${box.join(",")}`, { headers: { accept: "application/geo+json" } });
      if (!response.ok) {
        this.say(`${this.spec.words.failed} (${response.status})`);
        return;
      }
      const answer = (await response.json()) as Answer;
      this.map.getSource<GeoJSONSource>(this.source)?.setData(answer);
      const changed = JSON.stringify(answer.classes.map((c) => [c.key, c.shade])) !== JSON.stringify(this.classes.map((c) => [c.key, c.shade]));
      this.classes = answer.classes;
      if (changed) this.paint();
      this.draw(answer);
      this.element.dispatchEvent(new CustomEvent("layer", { detail: { name: this.spec.name, shown: answer.features.length } }));
    } catch (error) {
      this.say(`${this.spec.words.failed}: ${String(error)}`);
    } finally {
      this.busy = false;
    }
  }

  private say(text: string): void {
    const status = document.querySelector(`[data-legend-status="${CSS.escape(this.spec.name)}"]`);
    if (status) status.textContent = text;
  }

  private draw(answer: Answer): void {
    const words = this.spec.words;
    const list = this.legend()?.querySelector("[data-legend-classes]");
    list?.replaceChildren(
      ...answer.classes.map((c) => {
        const item = document.createElement("li");
        const swatch = document.createElement("span");
        swatch.className = `swatch shade-${c.shade} shape-${this.shape}`;
        const count = document.createElement("span");
        count.className = "legend-count";
        count.textContent = String(c.count);
        item.append(swatch, document.createTextNode(c.label), count);
        return item;
      }),
    );
    const parts = [`${answer.features.length} ${words.shown}`, showInstant(answer.at)];
    if (answer.truncated) parts.push(words.more);
    if (answer.simulated) parts.push(words.simulated);
    this.say(parts.join(" · "));
  }

  async expand(feature: GeoJSONFeature, at: LngLatLike): Promise<void> {
    const source = this.map.getSource<GeoJSONSource>(this.source);
    const zoom = await source?.getClusterExpansionZoom(Number(feature.properties["cluster_id"]));
    if (zoom !== undefined) this.map.easeTo({ center: at, zoom });
  }

  /** The popup: built from text nodes only, so that no stored value can become markup. */
  describe(feature: GeoJSONFeature): HTMLElement {
    const p = feature.properties;
    const words = this.spec.words;
    const box = document.createElement("div");
    box.className = "popup";
    const link = document.createElement("a");
    link.href = String(p["href"] ?? "");
    link.textContent = String(p["title"] ?? "");
    const kind = document.createElement("p");
    kind.className = "popup-kind";
    kind.textContent = this.spec.title;
    const value = document.createElement("p");
    value.className = "popup-value";
    value.textContent = p["shown"] ? `${String(p["label"] ?? "")}: ${String(p["shown"])}` : words.noData;
    box.append(kind, link, value);
    if (p["at"]) {
      const when = document.createElement("p");
      when.className = "popup-when";
      when.textContent = `${words.at} ${showInstant(Number(p["at"]))}`;
      box.append(when);
    }
    if (p["simulated"]) {
      const flag = document.createElement("p");
      flag.className = "badge simulated";
      flag.textContent = words.simulated;
      box.append(flag);
    }
    return box;
  }
}
