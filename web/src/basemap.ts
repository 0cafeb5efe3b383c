import type { Map as MapLibre, StyleSpecification } from "maplibre-gl";
import { colour, magnification } from "./theme";

const NOTHING: GeoJSON.FeatureCollection = { type: "FeatureCollection", features: [] };

/** A style without glyphs, sprites or tiles: text is drawn by the browser's own fonts. */
export function baseStyle(): StyleSpecification {
  const k = magnification();
  return {
    version: 8,
    sources: { areas: { type: "geojson", data: NOTHING }, "area-names": { type: "geojson", data: NOTHING } },
    layers: [
      { id: "ground", type: "background", paint: { "background-color": colour("--map-ground") } },
      { id: "area-fill", type: "fill", source: "areas", paint: { "fill-color": colour("--map-area"), "fill-opacity": 1 } },
      { id: "area-line", type: "line", source: "areas", paint: { "line-color": colour("--map-border"), "line-width": ["interpolate", ["linear"], ["zoom"], 8, 0.8 * k, 13, 2 * k] } },
      { id: "above-ground", type: "background", paint: { "background-opacity": 0 } },
      {
        id: "area-name",
        type: "symbol",
        source: "area-names",
        layout: { "text-field": ["get", "title"], "text-font": ["sans-serif"], "text-size": ["interpolate", ["linear"], ["zoom"], 8, 10.5 * k, 13, 16 * k], "text-max-width": 7, "text-padding": 1 },
        paint: { "text-color": colour("--map-name"), "text-halo-color": colour("--map-area"), "text-halo-width": 1.5 },
      },
    ],
  };
}

/** Repaint after a switch between light and dark. */
export function paintAreas(map: MapLibre): void {
  map.setPaintProperty("ground", "background-color", colour("--map-ground"));
  map.setPaintProperty("area-fill", "fill-color", colour("--map-area"));
  map.setPaintProperty("area-line", "line-color", colour("--map-border"));
  map.setPaintProperty("area-name", "text-color", colour("--map-name"));
  map.setPaintProperty("area-name", "text-halo-color", colour("--map-area"));
}
