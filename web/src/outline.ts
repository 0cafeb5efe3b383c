// A boundary drawn by hand: each click is a corner. The text area holds the corners, so that they can also be typed.
import { type GeoJSONSource, type Map as MapLibre } from "maplibre-gl";

type Corner = [number, number];

/** The corners as they are typed: one to a line. Null where the text is something else, such as GeoJSON. */
function typed(text: string): Corner[] | null {
  const corners: Corner[] = [];
  for (const line of text.split("\n")) {
    const words = line.trim().split(/[\s,;]+/).filter((word) => word !== "");
    if (words.length === 0) continue;
    const [lon, lat] = words.map(Number);
    if (words.length !== 2 || lon === undefined || lat === undefined || !(Math.abs(lon) <= 180 && Math.abs(lat) <= 90)) return null;
    corners.push([lon, lat]);
  }
  return corners;
}

/** What is drawn of the text: GeoJSON as it is, corners as a line that closes from the third corner on. */
function shapes(text: string): GeoJSON.FeatureCollection {
  const features: GeoJSON.Feature[] = [];
  const put = (geometry: GeoJSON.Geometry): void => void features.push({ type: "Feature", properties: {}, geometry });
  const corners = typed(text);
  if (corners) {
    const [first] = corners;
    for (const corner of corners) put({ type: "Point", coordinates: corner });
    if (first && corners.length > 2) put({ type: "Polygon", coordinates: [[...corners, first]] });
    else if (corners.length === 2) put({ type: "LineString", coordinates: corners });
  } else {
    try {
      const given = JSON.parse(text) as GeoJSON.GeoJSON;
      if (given.type === "FeatureCollection") features.push(...given.features);
      else if (given.type === "Feature") features.push(given);
      else put(given);
    } catch {
      // Not finished, or no GeoJSON: the server says so when it is sent.
    }
  }
  return { type: "FeatureCollection", features };
}

export function outline(map: MapLibre, id: string): void {
  const box = document.getElementById(id);
  if (!(box instanceof HTMLTextAreaElement)) return;
  map.addSource("outline", { type: "geojson", data: shapes(box.value) });
  map.addLayer({ id: "outline-fill", type: "fill", source: "outline", filter: ["==", ["geometry-type"], "Polygon"], paint: { "fill-color": "#d55e00", "fill-opacity": 0.2 } });
  map.addLayer({ id: "outline-line", type: "line", source: "outline", paint: { "line-color": "#d55e00", "line-width": 2.5 } });
  map.addLayer({ id: "outline-corner", type: "circle", source: "outline", filter: ["==", ["geometry-type"], "Point"], paint: { "circle-color": "#d55e00", "circle-radius": 5, "circle-stroke-color": "#ffffff", "circle-stroke-width": 1.5 } });
  const draw = (): void => void map.getSource<GeoJSONSource>("outline")?.setData(shapes(box.value));
  const put = (corners: Corner[]): void => {
    box.value = corners.map(([lon, lat]) => `${lon.toFixed(6)} ${lat.toFixed(6)}`).join("\n");
    draw();
  };
  map.doubleClickZoom.disable();
  map.getCanvas().style.cursor = "crosshair";
  map.on("click", (event) => put([...(typed(box.value) ?? []), [event.lngLat.lng, event.lngLat.lat]]));
  box.addEventListener("input", draw);
  const button = (name: string, act: () => void): void => {
    const found = document.querySelector<HTMLButtonElement>(`[data-outline-${name}="${CSS.escape(id)}"]`);
    if (!found) return;
    found.hidden = false;
    found.addEventListener("click", act);
  };
  button("back", () => put((typed(box.value) ?? []).slice(0, -1)));
  button("clear", () => put([]));
}
