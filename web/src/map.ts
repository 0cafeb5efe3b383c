// The map: our own geometry only, no external tiles, glyphs or sprites. Four uses of one element `[data-map]`:
// layers with live values (`data-layers`), one place (`data-place`), a place to pick (`data-pick`), and a boundary to
// draw (`data-outline`).
import { GeoJSONSource, LngLatBounds, Map as MapLibre, Marker, NavigationControl, Popup, ScaleControl, setWorkerUrl } from "maplibre-gl";
import type { MapGeoJSONFeature as GeoJSONFeature, MapMouseEvent } from "maplibre-gl";
import "maplibre-gl/dist/maplibre-gl.css";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";
import { baseStyle, paintAreas } from "./basemap";
import { combobox } from "./combobox";
import { Layer, type LayerSpec, type LayerWords } from "./layer";
import { outline } from "./outline";
import { onThemeChange } from "./theme";

setWorkerUrl(workerUrl);

interface Words {
  zoomIn: string;
  zoomOut: string;
  noWebGl: string;
  [word: string]: string;
}

function read<T>(element: HTMLElement, name: string): T | null {
  const text = element.dataset[name];
  return text ? (JSON.parse(text) as T) : null;
}

function extent(data: GeoJSON.GeoJSON): LngLatBounds | null {
  const box = new LngLatBounds();
  const walk = (node: unknown): void => {
    if (!Array.isArray(node)) return;
    if (typeof node[0] === "number") box.extend(node as [number, number]);
    else for (const child of node) walk(child);
  };
  const features = data.type === "FeatureCollection" ? data.features : [];
  for (const feature of features) if (feature.geometry && "coordinates" in feature.geometry) walk(feature.geometry.coordinates);
  return box.isEmpty() ? null : box;
}

async function areas(map: MapLibre, url: string, fit: boolean): Promise<void> {
  const response = await fetch(url, { headers: { accept: "application/geo+json" } });
  if (!response.ok) return;
  const data = (await response.json()) as GeoJSON.FeatureCollection;
  map.getSource<GeoJSONSource>("areas")?.setData(data);
  map.getSource<GeoJSONSource>("area-names")?.setData(names(data));
  const box = fit ? extent(data) : null;
  if (box) map.fitBounds(box, { padding: 24, animate: false });
}

/** One label point per area: the middle of its largest ring's box, so that a name is drawn once. */
function names(data: GeoJSON.FeatureCollection): GeoJSON.FeatureCollection {
  const points = data.features.flatMap((feature): GeoJSON.Feature[] => {
    const shape = feature.geometry;
    const rings = shape.type === "Polygon" ? [shape.coordinates[0]] : shape.type === "MultiPolygon" ? shape.coordinates.map((p) => p[0]) : [];
    const ring = rings.filter((r) => r !== undefined).sort((a, b) => b.length - a.length)[0];
    if (!ring) return [];
    return [{ type: "Feature", properties: feature.properties, geometry: { type: "Point", coordinates: centroid(ring) } }];
  });
  return { type: "FeatureCollection", features: points };
}

/** Centroid of a ring by the shoelace formula; degrees are near enough to plane at the size of a ward. */
function centroid(ring: GeoJSON.Position[]): [number, number] {
  let doubled = 0;
  let x = 0;
  let y = 0;
  const [ox, oy] = [ring[0]?.[0] ?? 0, ring[0]?.[1] ?? 0];
  for (let i = 0; i + 1 < ring.length; i++) {
    const [ax, ay] = [(ring[i]?.[0] ?? 0) - ox, (ring[i]?.[1] ?? 0) - oy];
    const [bx, by] = [(ring[i + 1]?.[0] ?? 0) - ox, (ring[i + 1]?.[1] ?? 0) - oy];
    const cross = ax * by - bx * ay;
    doubled += cross;
    x += (ax + bx) * cross;
    y += (ay + by) * cross;
  }
  return doubled === 0 ? [ox, oy] : [ox + x / (3 * doubled), oy + y / (3 * doubled)];
}

function layered(map: MapLibre, element: HTMLElement, specs: LayerSpec[], words: Words): void {
  // Ground first, so that marks lie over it; `above-ground` is where the names of areas begin.
  const layers = [...specs].sort((a, b) => Number(b.beneath) - Number(a.beneath)).map((spec, order) => new Layer(map, spec, words as unknown as LayerWords, order));
  const toggle = (name: string): HTMLInputElement | null => document.querySelector<HTMLInputElement>(`[data-layer-toggle="${CSS.escape(name)}"]`);
  for (const layer of layers) {
    const box = toggle(layer.spec.name);
    layer.show(box?.checked ?? true);
    box?.addEventListener("change", () => {
      layer.show(box.checked);
      void layer.load();
      remember(layers.filter((l) => toggle(l.spec.name)?.checked).map((l) => l.spec.name));
    });
    const by = document.querySelector<HTMLSelectElement>(`[data-layer-by="${CSS.escape(layer.spec.name)}"]`);
    if (by) layer.spec.by = by.value;
    by?.addEventListener("change", () => layer.colourBy(by.value));
  }
  const refresh = (moved: boolean): void => {
    if (!document.hidden) for (const layer of layers) void layer.load(moved);
  };
  refresh(true);
  let waiting: number | undefined;
  map.on("moveend", () => {
    window.clearTimeout(waiting);
    waiting = window.setTimeout(() => refresh(true), 150);
  });
  const every_s = Number(element.dataset["refresh"] ?? "5");
  if (every_s > 0) window.setInterval(() => refresh(false), every_s * 1000);
  map.on("click", (event: MapMouseEvent) => touch(map, layers, event));
  // Once a frame, and never while the map moves: what lies under the pointer is looked up among all that is drawn.
  let pointed: MapMouseEvent | null = null;
  map.on("mousemove", (event) => {
    if (pointed === null)
      window.requestAnimationFrame(() => {
        if (pointed && !map.isMoving()) map.getCanvas().style.cursor = under(map, layers, pointed).length ? "pointer" : "";
        pointed = null;
      });
    pointed = event;
  });
  const focus = read<Focus>(element, "focus");
  if (focus) goTo(map, focus, true);
  const box = document.querySelector<HTMLInputElement>("[data-map-find]");
  if (box) combobox(box, { url: "/console/map/find", nothing: words["nothing"] ?? "", choose: (row) => goTo(map, { id: row[0] as string, lon: row[3] as number, lat: row[4] as number, box: row[5] as Focus["box"] }, true) });
}

interface Focus {
  id: string;
  lon: number;
  lat: number;
  box: [number, number, number, number] | null;
}

/** The chosen layers stand in the address, so that a picture of the map can be sent to somebody. */
function remember(names: string[]): void {
  const query = new URLSearchParams(names.map((name) => ["layer", name]));
  window.history.replaceState(null, "", `?${query}${window.location.hash}`);
}

function goTo(map: MapLibre, focus: Focus, popup: boolean): void {
  if (focus.box) map.fitBounds(focus.box, { padding: 40, maxZoom: 15, animate: false });
  else map.jumpTo({ center: [focus.lon, focus.lat], zoom: Math.max(14, map.getZoom()) });
  if (popup) void show(map, { lng: focus.lon, lat: focus.lat }, `/console/map/popup?id=${encodeURIComponent(focus.id)}`);
}

function under(map: MapLibre, layers: Layer[], event: MapMouseEvent): GeoJSONFeature[] {
  const ids = layers.flatMap((layer) => layer.clickable()).filter((id) => map.getLayer(id));
  const { x, y } = event.point;
  return ids.length ? map.queryRenderedFeatures([[x - 4, y - 4], [x + 4, y + 4]], { layers: ids }) : [];
}

function touch(map: MapLibre, layers: Layer[], event: MapMouseEvent): void {
  const found = under(map, layers, event)[0];
  const layer = layers.find((l) => found && l.holds(found.source));
  if (!found || !layer) return;
  const address = layer.popup(found);
  if (address) void show(map, event.lngLat, address);
  else map.easeTo({ center: event.lngLat, zoom: map.getZoom() + 2 });
}

/** A popup with the piece of a page that the server wrote: values escaped there, units, times and origins said there. */
async function show(map: MapLibre, at: { lng: number; lat: number }, address: string): Promise<void> {
  const response = await fetch(address, { headers: { accept: "text/html" } });
  if (!response.ok) return;
  const piece = new DOMParser().parseFromString(await response.text(), "text/html");
  const box = document.createElement("div");
  box.className = "popup";
  box.append(...piece.body.childNodes);
  new Popup({ maxWidth: "24rem", closeButton: true }).setLngLat(at).setDOMContent(box).addTo(map);
}

function place(map: MapLibre, shape: GeoJSON.Geometry): void {
  const data: GeoJSON.FeatureCollection = { type: "FeatureCollection", features: [{ type: "Feature", properties: {}, geometry: shape }] };
  if (shape.type === "Point") {
    const at = shape.coordinates as [number, number];
    const dot = document.createElement("span");
    dot.className = "map-dot";
    new Marker({ element: dot }).setLngLat(at).addTo(map);
    map.jumpTo({ center: at, zoom: 14 });
    return;
  }
  map.addSource("place", { type: "geojson", data });
  map.addLayer({ id: "place", type: "line", source: "place", paint: { "line-color": "#d55e00", "line-width": 3 } });
  const box = extent(data);
  if (box) map.fitBounds(box, { padding: 32, animate: false, maxZoom: 15 });
}

function pick(map: MapLibre, prefix: string): void {
  const lon = document.getElementById(`${prefix}-lon`);
  const lat = document.getElementById(`${prefix}-lat`);
  if (!(lon instanceof HTMLInputElement) || !(lat instanceof HTMLInputElement)) return;
  const dot = document.createElement("span");
  dot.className = "map-dot";
  const marker = new Marker({ element: dot, draggable: true });
  const put = (at: { lng: number; lat: number }): void => {
    marker.setLngLat([at.lng, at.lat]).addTo(map);
    lon.value = at.lng.toFixed(6);
    lat.value = at.lat.toFixed(6);
  };
  const typed = (): void => {
    const [x, y] = [Number.parseFloat(lon.value), Number.parseFloat(lat.value)];
    if (Math.abs(x) <= 180 && Math.abs(y) <= 90) {
      marker.setLngLat([x, y]).addTo(map);
      map.easeTo({ center: [x, y] });
    }
  };
  map.on("click", (event) => put(event.lngLat));
  marker.on("dragend", () => put(marker.getLngLat()));
  lon.addEventListener("change", typed);
  lat.addEventListener("change", typed);
  if (lon.value && lat.value) typed();
  const here = document.querySelector<HTMLButtonElement>("[data-locate]");
  if (here && "geolocation" in navigator && window.isSecureContext) {
    here.hidden = false;
    here.addEventListener("click", () => {
      navigator.geolocation.getCurrentPosition((found) => {
        put({ lng: found.coords.longitude, lat: found.coords.latitude });
        map.jumpTo({ center: [found.coords.longitude, found.coords.latitude], zoom: 16 });
      });
    });
  }
}

function start(element: HTMLElement): void {
  const words = read<Words>(element, "words") ?? { zoomIn: "", zoomOut: "", noWebGl: "" };
  const probe = document.createElement("canvas");
  if (!probe.getContext("webgl2")) {
    element.querySelector("[data-map-status]")?.replaceChildren(words.noWebGl);
    return;
  }
  const bounds = read<[number, number, number, number]>(element, "bounds");
  const map = new MapLibre({
    container: element,
    style: baseStyle(),
    ...(bounds ? { bounds, fitBoundsOptions: { padding: 16 } } : { center: [106.65, 11.15], zoom: 9 }),
    attributionControl: false,
    dragRotate: false,
    pitchWithRotate: false,
    maxPitch: 0,
    renderWorldCopies: false,
    hash: element.dataset["hash"] === "yes",
    cooperativeGestures: element.dataset["cooperative"] === "yes",
    locale: { "NavigationControl.ZoomIn": words.zoomIn, "NavigationControl.ZoomOut": words.zoomOut, "Map.Title": element.getAttribute("aria-label") ?? "" },
  });
  map.touchZoomRotate.disableRotation();
  map.addControl(new NavigationControl({ showCompass: false }), "top-right");
  map.addControl(new ScaleControl({ unit: "metric" }), "bottom-right");
  map.on("load", () => {
    element.querySelector("[data-map-status]")?.remove();
    element.dataset["ready"] = "yes";
    const specs = read<LayerSpec[]>(element, "layers");
    const shape = read<GeoJSON.Geometry>(element, "place");
    const prefix = element.dataset["pick"];
    if (element.dataset["areas"]) void areas(map, element.dataset["areas"], !bounds && !shape);
    if (specs) layered(map, element, specs, words);
    if (shape) place(map, shape);
    if (prefix) pick(map, prefix);
    if (element.dataset["outline"]) outline(map, element.dataset["outline"]);
    // A map inside what is folded had no size when it began.
    if (bounds && element.offsetParent === null) map.once("resize", () => map.fitBounds(bounds, { padding: 16, animate: false }));
  });
  onThemeChange(() => paintAreas(map));
}

for (const element of document.querySelectorAll<HTMLElement>("[data-map]")) start(element);
